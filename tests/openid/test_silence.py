"""Providers that say nothing: who waits for them is answered in time, and nobody else waits."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from agentbox.web.outgoing.client import AT_ONE_SERVER
from tests.live import Answer, ShiftedClock
from tests.openid.answers import drip, half, silent
from tests.openid.fake_provider import Answerer, FakeProvider, fake_provider
from tests.openid.scene import Scene, scene_at

LONGEST = 10.0
"""Seconds that a browser waits at most."""


async def test_a_silent_provider_keeps_a_browser_ten_seconds_at_most_and_nobody_else(
    folder: Path, clock: ShiftedClock
) -> None:  # OA-11
    async with AsyncExitStack() as stack:
        silences = (
            "token-silent",
            "token-half",
            "token-drip",
            "keys-silent",
            "userinfo-silent",
            "one-by-one",
        )
        fakes = {id_: await stack.enter_async_context(fake_provider(id_)) for id_ in silences}
        scene = await stack.enter_async_context(scene_at(folder, clock, *fakes.values()))
        for id_, fake in fakes.items():
            hush(id_, fake)
        reached = asyncio.Event()
        waiting = [asyncio.create_task(timed(scene, id_, reached)) for id_ in fakes]
        await reached.wait()
        while not all(fake.asked["token"] for fake in fakes.values()):
            await asyncio.sleep(0.01)

        login = await scene.live.sign_in("admin", "walnut-ember-quarry-71")
        me = await login.get("/auth/me")
        still_waiting = [not task.done() for task in waiting]
        ended = await asyncio.gather(*waiting)
        reasons = await scene.refusals()

    assert me.status == 200
    assert still_waiting == [True] * len(fakes)
    assert {answer.error for answer, _ in ended} == {"authenticator_unavailable"}
    assert {answer.headers["Retry-After"] for answer, _ in ended} == {"10"}
    assert [seconds for _, seconds in ended if seconds >= LONGEST] == []
    assert reasons == ["provider_timeout"] * len(fakes)


async def test_forty_who_wait_for_a_silent_provider_hold_up_no_password_login(
    scene: Scene,
) -> None:  # OA-11
    scene.provider.instead = {"token": silent}
    browsers = [scene.browser() for _ in range(40)]
    callbacks = [await browser.returned("fake") for browser in browsers]
    waiting = [
        asyncio.create_task(browser.ask("GET", callback))
        for browser, callback in zip(browsers, callbacks, strict=True)
    ]
    while scene.provider.asked["token"] < AT_ONE_SERVER:
        await asyncio.sleep(0.01)
    for _ in range(5):
        await scene.live.admin()
    still_waiting = [not task.done() for task in waiting]
    connections = scene.provider.asked["token"]
    ended = await asyncio.gather(*waiting)

    assert still_waiting == [True] * 40
    assert {answer.status for answer in ended} == {503}
    # More are never open to one server at a time; the others waited for one within their deadline.
    assert connections == AT_ONE_SERVER
    assert await scene.refusals() == ["provider_timeout"] * 40


def hush(id_: str, fake: FakeProvider) -> None:
    place, _, kind = id_.partition("-")
    if id_ == "one-by-one":
        # Each within its own deadline, and all of them together not.
        fake.instead = {"token": slow(fake), "keys": slow(fake), "userinfo": slow(fake)}
        fake.claims = {"email": ..., "email_verified": ...}
        return
    fake.instead = {place: {"half": half, "drip": drip}.get(kind, silent)}
    if place == "userinfo":
        fake.claims = {"email": ..., "email_verified": ...}


def slow(fake: FakeProvider) -> Answerer:
    """The right answer after four seconds."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(4)
        name = request.path.rpartition("/")[2]
        return await fake.rightly(name, request)

    return answer


async def timed(scene: Scene, id_: str, reached: asyncio.Event) -> tuple[Answer, float]:
    browser = scene.browser()
    callback = await browser.returned(id_)
    reached.set()
    begun = time.monotonic()
    answer = await browser.ask("GET", callback)
    return answer, time.monotonic() - begun


async def test_those_who_ask_for_keys_in_vain_do_not_queue_for_it(scene: Scene) -> None:
    # OA-11, JWT-04
    scene.provider.instead = {"keys": silent}
    begun = time.monotonic()
    ended = await asyncio.gather(*(scene.sign_in() for _ in range(6)))

    assert {answer.error for answer in ended} == {"authenticator_unavailable"}
    assert time.monotonic() - begun < LONGEST
    assert scene.provider.asked["keys"] == 1
    assert await scene.refusals() == ["provider_timeout"] * 6


async def test_an_outage_of_one_provider_opens_no_breaker_for_others(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-11
    async with fake_provider("other") as other, scene_at(folder, clock, provider, other) as scene:
        provider.instead = {"token": gone_soon}
        for _ in range(6):
            assert (await scene.sign_in()).status == 503

        assert (await scene.browser().sign_in("other")).status == 200


async def gone_soon(request: web.Request) -> web.StreamResponse:
    return web.json_response({}, status=502)
