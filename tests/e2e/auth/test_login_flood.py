"""Many logins at once: bounded, answered, and no hindrance to anybody who is signed in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest

from tests.e2e.people import People
from tests.live import USER_PASSWORD, Answer, Caller, Live
from tests.scale import scaled

LOGINS = scaled(50)
PAUSE = 0.02  # seconds between two requests of those who are signed in
HASH_MIB = 19


@pytest.fixture
async def crowd(live: Live) -> AsyncIterator[Caller]:
    """Calls on as many connections as there are logins."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(live.url, connector=connector) as session:
        yield Caller(session, {})


async def keep_asking(caller: Caller, path: str, over: asyncio.Event) -> Counter[int]:
    """The statuses of one request after the other, until the flood is over."""
    told: Counter[int] = Counter()
    while not over.is_set():
        told[(await caller.get(path)).status] += 1
        await asyncio.sleep(PAUSE)
    return told


@pytest.mark.parametrize("password", [USER_PASSWORD, "not-this-one"], ids=["right", "wrong"])
async def test_a_flood_of_logins_hinders_nobody_who_is_signed_in(  # PW-05, PW-09, OP-05
    live: Live, people: People, crowd: Caller, password: str
) -> None:
    names = [people[name].username for name in ("user", "viewer", "admin", "other_user")]
    over = asyncio.Event()
    before = psutil.Process().memory_info().rss
    known = people.super_admin
    asking = [
        asyncio.create_task(keep_asking(known.caller, "/auth/me", over)),
        asyncio.create_task(keep_asking(live.with_key(await known.key()), "/auth/me", over)),
        asyncio.create_task(keep_asking(live.anonymous, "/healthz", over)),
    ]

    async def login(number: int) -> Answer:
        body = {"username": names[number % len(names)], "password": password}
        return await crowd.post("/auth/login", body)

    answers = await asyncio.gather(*map(login, range(LOGINS)))
    over.set()
    asked = await asyncio.gather(*asking)

    assert [set(told) for told in asked] == [{200}, {200}, {200}]
    assert min(sum(told.values()) for told in asked) > 1
    allowed = {200, 429, 503} if password == USER_PASSWORD else {401, 429, 503}
    assert {answer.status for answer in answers} <= allowed
    for answer in answers:
        assert (answer.status in {429, 503}) == ("Retry-After" in answer.headers)
    # As many hashes at a time as there are threads, and room for what else grows meanwhile.
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    assert grown < (psutil.cpu_count() or 1) * HASH_MIB + 64
