"""A provider whose document can't be had: a server starts without it, and nobody waits for long."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.live import ADMIN_PASSWORD, ShiftedClock
from tests.openid.answers import BROKEN, HUGE, Sent, drip, endless, half, of_json, redirect, silent
from tests.openid.fake_provider import FakeProvider, fake_provider, listening
from tests.openid.scene import Scene, scene_at

DOCUMENT = "openid-configuration"

LONGEST = 10.0
"""Seconds that anybody waits at most."""


async def unavailable(scene: Scene, provider: str = "fake") -> str:
    """Beginning a sign-in is refused for now; the reason in the audit."""
    earlier = len(await scene.refusals())
    answer = await scene.browser().begin(provider)
    outcome = await scene.outcome(answer, earlier)
    assert (outcome.status, outcome.error) == (503, "authenticator_unavailable")
    assert answer.headers["Retry-After"] == "10"
    return outcome.reason


async def test_a_server_starts_without_its_provider_and_finds_it_later(
    folder: Path, clock: ShiftedClock
) -> None:  # OA-11
    later = FakeProvider("fake")
    async with listening(later.handle) as later.port:
        pass  # the port is free again, and nobody listens there
    async with scene_at(folder, clock, later) as scene:
        offered = await scene.live.anonymous.get("/auth/providers")
        assert [each["id"] for each in offered.body["providers"]] == ["password", "fake"]
        assert await unavailable(scene) == "provider_undiscovered"
        scene.advance(10)
        assert await unavailable(scene) == "provider_connection"

        async with fake_provider("fake", later.port) as came_up:
            assert await unavailable(scene) == "provider_undiscovered"
            assert came_up.asked[DOCUMENT] == 0
            scene.advance(10)
            came_up.ahead = later.ahead
            assert (await scene.sign_in()).status == 200
            assert came_up.asked[DOCUMENT] == 1


async def test_a_provider_that_is_not_well_is_asked_every_ten_seconds(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-11
    provider.instead = {DOCUMENT: of_json({}, 503)}
    async with scene_at(folder, clock, provider) as scene:
        for asked in (1, 2, 3):
            for _ in range(5):
                assert (await scene.browser().begin("fake")).status == 503
            # The first time it was the start that asked.
            assert provider.asked[DOCUMENT] == asked
            scene.advance(10)
        provider.straighten()
        assert (await scene.sign_in()).status == 200


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_server_starts_whatever_is_answered_instead(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, broken: str
) -> None:  # OA-11, IV-04
    answerer, reason = BROKEN[broken]
    provider.instead = {DOCUMENT: answerer}
    async with scene_at(folder, clock, provider) as scene:
        scene.advance(10)
        assert await unavailable(scene) == f"provider_{reason}"


async def test_the_log_says_which_document_could_not_be_had(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # a mistake in the issuer looks like an outage
    provider.instead = {DOCUMENT: of_json({}, 404)}
    with capture_logs() as lines:
        async with scene_at(folder, clock, provider) as scene:
            await unavailable(scene)
            scene.advance(10)
            await unavailable(scene)
    told = [line for line in lines if line["event"] == "provider_not_discovered"]

    assert len(told) == provider.asked[DOCUMENT] == 2
    for line in told:
        assert line["provider"] == "fake"
        assert line["reason"] == "status"
        assert line["detail"] == (f"{provider.issuer}/.well-known/openid-configuration answers 404")


async def test_a_right_document_of_another_status_is_none(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-11: a proxy in between may say anything while the provider is away
    status = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        right = await provider.rightly(DOCUMENT, request)
        right.set_status(status)
        return right

    provider.instead = {DOCUMENT: answer}
    found = {}
    for status in (201, 203, 400, 401, 403, 404, 410, 451, 502):
        async with scene_at(folder, clock, provider) as scene:
            scene.advance(10)
            found[status] = await unavailable(scene)
            provider.instead = {}
            scene.advance(10)
            assert (await scene.sign_in()).status == 200
            provider.instead = {DOCUMENT: answer}

    assert set(found.values()) == {"provider_status"}


async def test_one_that_comes_up_as_somebody_else_is_not_believed(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # OA-04
    provider.instead = {DOCUMENT: of_json({}, 503)}
    provider.metadata = {"issuer": "https://accounts.evil.test"}
    async with scene_at(folder, clock, provider) as scene:
        provider.instead = {}
        reasons = []
        for _ in range(6):
            scene.advance(10)
            reasons.append(await unavailable(scene))

        assert reasons == ["provider_metadata"] * 6
        provider.straighten()
        scene.advance(10)
        assert (await scene.sign_in()).status == 200


async def test_a_callback_does_not_need_the_process_that_sent_the_browser(
    folder: Path, provider: FakeProvider
) -> None:
    async with scene_at(folder, ShiftedClock(), provider) as scene:
        browser = scene.browser()
        callback = await browser.returned("fake")
    async with scene_at(folder, ShiftedClock(), provider) as scene:
        again = scene.browser()
        again.cookie = browser.cookie

        assert (await again.ask("GET", callback)).status == 200


@pytest.mark.parametrize("told", [True, False], ids=["by its length", "as it comes"])
async def test_what_is_too_large_is_not_read(
    folder: Path, clock: ShiftedClock, provider: FakeProvider, told: bool
) -> None:  # OA-11, OP-07
    sent = Sent()
    provider.instead = {DOCUMENT: endless(sent, told=told)}
    async with scene_at(folder, clock, provider) as scene:
        scene.advance(10)
        assert await unavailable(scene) == "provider_size"

    assert sent.bytes < HUGE / 2


async def test_nobody_is_followed_elsewhere(
    folder: Path, clock: ShiftedClock, provider: FakeProvider
) -> None:  # JWT-03, OP-07, OA-11
    hits: list[str] = []

    async def collaborator(request: web.Request) -> web.StreamResponse:
        hits.append(request.path)
        return await provider.rightly(DOCUMENT, request)

    async with listening(collaborator) as port:
        targets = (f"http://127.0.0.1:{port}/else", f"{provider.issuer}/else")
        found = []
        for status in (301, 302, 303, 307, 308):
            for target in targets:
                provider.instead = {DOCUMENT: redirect(status, target)}
                async with scene_at(folder, clock, provider) as scene:
                    scene.advance(10)
                    found.append(await unavailable(scene))

    assert set(found) == {"provider_redirect"}
    assert hits == []
    assert provider.asked["else"] == 0


async def test_those_that_say_nothing_hold_up_a_start_and_who_comes_as_one_does(
    folder: Path,
) -> None:  # OA-11
    async with AsyncExitStack() as stack:
        kinds = {"silent": silent, "half": half, "drip": drip}
        fakes = [await stack.enter_async_context(fake_provider(id_)) for id_ in kinds]
        async with scene_at(folder, ShiftedClock(), *fakes) as scene:
            earlier = scene.browser()
            callback = await earlier.returned("silent")  # to a process that will be no more
        for fake in fakes:
            fake.instead = {DOCUMENT: kinds[fake.id]}
            fake.asked.clear()
        begun = time.monotonic()
        clock = ShiftedClock()
        scene = await stack.enter_async_context(scene_at(folder, clock, *fakes))
        started = time.monotonic() - begun
        asked = [fake.asked[DOCUMENT] for fake in fakes]

        clock.advance(10)
        begun = time.monotonic()
        browser = scene.browser()
        browser.cookie = earlier.cookie
        waiting = asyncio.gather(
            browser.ask("GET", callback),
            *(scene.browser().begin(fake.id) for fake in fakes for _ in range(2)),
        )
        async with asyncio.timeout(LONGEST):
            while [fake.asked[DOCUMENT] for fake in fakes] != [2] * len(fakes):
                await asyncio.sleep(0.01)
        await scene.live.sign_in("admin", ADMIN_PASSWORD)
        password_first = not waiting.done()
        answers = await waiting
        lasted = time.monotonic() - begun
        reasons = Counter(await scene.refusals())
        rows = await scene.rows()

    assert started < LONGEST
    assert asked == [1] * len(fakes)
    assert lasted < LONGEST
    assert password_first
    assert {answer.error for answer in answers} == {"authenticator_unavailable"}
    # One asks each, and the others take it as it comes out.
    assert reasons == {"provider_timeout": 3, "provider_undiscovered": 4}
    assert (rows["users"], rows["identities"]) == (1, 0)
