"""POST /auth/refresh: what it answers, how long a session goes on, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agentbox.model.formats.refresh_token import parse_refresh_token
from tests.backend import database_in
from tests.e2e.people import People
from tests.e2e.refresh.families import PATH, Tokens, begin, go_on, is_dead, refresh
from tests.live import ADMIN_PASSWORD, Live, ShiftedClock, live_server

DAY = 24 * 3600
ABSOLUTE = 30 * DAY


async def test_the_reply_is_that_of_a_login(live: Live, people: People) -> None:
    first = await begin(live, people.user.username)
    answer = await refresh(live, first.refresh)

    assert answer.status == 200
    assert set(answer.body) == {
        "token", "token_type", "expires_at", "expires_in", "refresh_token", "refresh_expires_at",
        "user",
    }  # fmt: skip
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 900)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["user"]["id"] == people.user.id
    assert answer.body["refresh_token"].startswith("abr_")
    me = await live.with_token(answer.body["token"]).get("/auth/me")
    before = await live.with_token(first.access).get("/auth/me")
    assert me.body["auth"]["session_id"] == before.body["auth"]["session_id"]


async def test_a_refused_one_says_so_and_asks_for_no_scheme(live: Live) -> None:
    answer = await refresh(live, "abr_" + "A" * 86)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="agentbox"'
    assert answer.headers["Cache-Control"] == "no-store"


# RT-01: a session has what its role has, and nobody can ask for more
@pytest.mark.parametrize("more", [{"scope": "users:write"}, {"client_id": "x"}, {"user_id": "x"}])
async def test_nothing_else_can_be_asked_for(
    live: Live, people: People, more: dict[str, Any]
) -> None:
    tokens = await begin(live, people.user.username)
    answer = await live.anonymous.post(PATH, {"refresh_token": tokens.refresh, **more})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert (await refresh(live, tokens.refresh)).status == 200


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": 7}, []])
async def test_a_body_of_another_form_is_422(live: Live, body: Any) -> None:
    assert (await live.anonymous.post(PATH, body)).status == 422


# JWT-09
async def test_no_token_passes_for_one_of_another_class(live: Live, people: People) -> None:
    tokens, key = await begin(live, people.user.username), await people.user.key()

    for other in (tokens.access, key):
        answer = await refresh(live, other)
        assert (answer.status, answer.error) == (401, "invalid_grant")
    for caller in (live.with_token(tokens.refresh), live.with_key(tokens.refresh)):
        answer = await caller.get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")
    step = {"flow": tokens.refresh, "method": "password", "data": {}}
    answer = await live.anonymous.post("/auth/login/continue", step)
    assert (answer.status, answer.error) == (401, "invalid_credentials")
    assert (await refresh(live, tokens.refresh)).status == 200


# RT-01
async def test_a_hundred_uses_never_pass_the_absolute_end(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    answer = await live.anonymous.post(
        "/auth/login", {"username": people.user.username, "password": "copper-lantern-orbit-28"}
    )
    end = ABSOLUTE + datetime.fromisoformat(answer.body["user"]["last_login"]).timestamp()
    seen, good = set(), 0
    while answer.status == 200:
        good += 1
        seen.add(answer.body["refresh_token"])
        for member in ("expires_at", "refresh_expires_at"):
            assert datetime.fromisoformat(answer.body[member]).timestamp() <= end + 0.001
        clock.advance(ABSOLUTE / 100 + 1)
        answer = await refresh(live, answer.body["refresh_token"])

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert len(seen) == good == 100


# RT-01
async def test_one_that_was_left_for_a_week_is_worth_nothing(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    tokens = await begin(live, people.user.username)
    clock.advance(7 * DAY)

    assert (await refresh(live, tokens.refresh)).error == "invalid_grant"


async def chain(live: Live, username: str, clock: ShiftedClock, length: int) -> list[Tokens]:
    """So many tokens of one family, half a minute apart."""
    found = [await begin(live, username)]
    while len(found) < length:
        clock.advance(30)
        found.append(await go_on(live, found[-1].refresh))
    return found


# RT-02
@pytest.mark.parametrize("spent", range(4))
async def test_a_spent_token_ends_its_newest_descendant_at_once(
    live: Live, people: People, clock: ShiftedClock, spent: int
) -> None:
    family = await chain(live, people.user.username, clock, 5)
    other = await begin(live, people.user.username)
    assert (await live.with_token(family[4].access).get("/auth/me")).status == 200
    clock.advance(30)

    answer = await refresh(live, family[spent].refresh)

    assert (answer.status, answer.error) == (401, "invalid_grant")
    assert await is_dead(live, family[4])
    assert (await refresh(live, other.refresh)).status == 200


# RT-04
async def test_a_lost_answer_does_not_sign_out(live: Live, people: People) -> None:
    first = await begin(live, people.user.username)
    async with aiohttp.ClientSession() as leaving:
        # Sent whole, and never read: the socket is closed while the server is at it.
        body = {"refresh_token": first.refresh}
        asked = asyncio.ensure_future(leaving.post(f"{live.url}/api/v1{PATH}", json=body))
        while await generation(live, first) == 1:
            await asyncio.sleep(0)
        asked.cancel()

    second = await go_on(live, first.refresh)

    assert await generation(live, first) == 2
    assert (await live.with_token(second.access).get("/auth/me")).status == 200
    assert (await refresh(live, second.refresh)).status == 200


async def generation(live: Live, tokens: Tokens) -> int:
    parsed = parse_refresh_token(tokens.refresh)
    assert parsed is not None
    async with live.runtime.storage.transaction(read_only=True) as tx:
        session = await tx.sessions.get(parsed.session_id)
    assert session is not None
    return session.generation


# RT-04
async def test_the_parent_is_retried_and_the_grandparent_ends_the_family(
    live: Live, people: People
) -> None:
    first = await begin(live, people.user.username)
    second = await go_on(live, first.refresh)
    assert (await go_on(live, first.refresh)).refresh == second.refresh
    third = await go_on(live, second.refresh)

    assert (await refresh(live, first.refresh)).error == "invalid_grant"
    assert await is_dead(live, third)


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Live]:
    """A server without a grace."""
    async with live_server(tmp_path, environ={"AGENTBOX_TOKENS__REFRESH_GRACE": "0"}) as live:
        yield live


# RT-04
async def test_without_a_grace_a_second_use_ends_the_family(strict: Live) -> None:
    first = await begin(strict, "admin", ADMIN_PASSWORD)
    second = await go_on(strict, first.refresh)

    assert (await refresh(strict, first.refresh)).error == "invalid_grant"
    assert await is_dead(strict, second)


# OB-01, as far as what a rotation and a reuse leave behind
async def test_no_refresh_token_is_in_the_database(
    live: Live, people: People, clock: ShiftedClock, tmp_path: Path
) -> None:
    family = await chain(live, people.user.username, clock, 3)
    await refresh(live, family[0].refresh)
    kept = database_in(tmp_path).content()

    assert [t.refresh for t in family if t.refresh.encode()[20:60] in kept] == []


async def test_last_use_is_told_of_refreshes_and_of_requests(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    def listed(answer: Any) -> str:
        return str(next(s["last_used"] for s in answer.body["sessions"] if s["current"]))

    tokens = await begin(live, people.user.username)
    caller = live.with_token(tokens.access)
    began = listed(await caller.get("/auth/sessions"))
    clock.advance(100)
    await go_on(live, tokens.refresh)
    refreshed = listed(await caller.get("/auth/sessions"))
    clock.advance(100)
    await caller.get("/auth/me")
    await live.runtime.last_used.flush()
    used = listed(await caller.get("/auth/sessions"))

    assert began < refreshed < used
