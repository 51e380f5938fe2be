"""While a provider hangs, whoever waits for it holds nothing that a password login needs."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agentbox.web.outgoing.client import AT_ONE_SERVER
from tests.databases.postgres import SECRET_KEY
from tests.live import ShiftedClock, live_server
from tests.openid.answers import of_json
from tests.openid.browser import Browser
from tests.openid.fake_provider import FakeProvider, fake_provider
from tests.openid.gate import DOCUMENT, Gate
from tests.openid.scene import configuration, scene_at

WAITING = 40
"""More than there are threads, connections to a database, or requests to one server."""

SMALLEST = {
    "AGENTBOX_PLUGINS__PASSWORD__THREADS": "1",
    "AGENTBOX_PLUGINS__PASSWORD__QUEUE": "0",
}
"""One hash at a time and none that waits: a second one would be refused."""

LOGINS = 3

PLACES = (DOCUMENT, "token", "keys", "userinfo")


def settings_of(backend: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Those that lead to a database: that of the folder, or an empty one on Postgres, to which the
    server has no more than two connections."""
    if backend == "sqlite":
        return SMALLEST
    return SMALLEST | {
        "AGENTBOX_DB_DSN": request.getfixturevalue("fresh_dsn"),
        "AGENTBOX_SECRET_KEY": SECRET_KEY,
        "AGENTBOX_PLUGINS__POSTGRES__POOL_SIZE": "2",
    }


@pytest.mark.parametrize(
    ("backend", "place"),
    [*(("sqlite", place) for place in PLACES), ("postgres", "token"), ("postgres", "userinfo")],
)
async def test_password_logins_need_nothing_that_those_who_wait_hold(
    folder: Path,
    clock: ShiftedClock,
    provider: FakeProvider,
    request: pytest.FixtureRequest,
    backend: str,
    place: str,
) -> None:  # OA-11
    if place == DOCUMENT:
        provider.instead = {place: of_json({}, 503)}  # nothing is known of it after the start
    config, environ = configuration(folder, provider), settings_of(backend, request)
    async with live_server(folder, config=config, environ=environ, clock=clock) as live:
        clock.advance(10)
        provider.ahead += 10
        browsers = [Browser(live.anonymous) for _ in range(WAITING)]
        paths = [await path_to(browser, place) for browser in browsers]
        gate = Gate(provider, place)
        provider.asked.clear()
        waiting = [
            asyncio.create_task(browser.ask("GET", path))
            for browser, path in zip(browsers, paths, strict=True)
        ]
        await gate.is_full()
        hashed = live.runtime.counters.value("password.hashes")
        for _ in range(LOGINS):
            await live.admin()
        hashed = live.runtime.counters.value("password.hashes") - hashed
        still_waiting = [not task.done() for task in waiting]
        asked = provider.asked[place]
        gate.open()
        ended = await asyncio.gather(*waiting)

    assert hashed == LOGINS
    assert still_waiting == [True] * WAITING
    assert asked == gate.most
    # So they were all on their way, and it was the provider that they waited for.
    assert [answer.status for answer in ended] == [200] * WAITING


async def path_to(browser: Browser, place: str) -> str:
    """What brings somebody to this place at the provider."""
    if place == DOCUMENT:
        return "/api/v1/auth/fake/url"
    return await browser.returned("fake")


async def test_providers_that_hang_hold_up_no_sign_in_at_another(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-11
    async with AsyncExitStack() as stack:
        names = [f"hanging-{number}" for number in range(5)]
        hanging = [await stack.enter_async_context(fake_provider(name)) for name in names]
        scene = await stack.enter_async_context(scene_at(folder, clock, provider, *hanging))
        gates = [Gate(fake, "token") for fake in hanging]
        waiting = [
            asyncio.create_task(scene.browser().sign_in(name))
            for name in names
            for _ in range(AT_ONE_SERVER)
        ]
        for gate in gates:
            await gate.is_full()
        answer = await scene.sign_in()
        still_waiting = [not task.done() for task in waiting]
        for gate in gates:
            gate.open()
        await asyncio.gather(*waiting)

    assert answer.status == 200
    assert still_waiting == [True] * len(waiting)
