"""POST /auth/logout: ends the session that calls, and only that one."""

from __future__ import annotations

import pytest

from tests.e2e.people import People
from tests.live import Live, ShiftedClock


async def test_the_token_is_worth_nothing_afterwards(people: People) -> None:
    caller = people.user.caller
    answer = await caller.post("/auth/logout")

    assert (answer.status, answer.text) == (204, "")
    after = await caller.get("/auth/me")
    assert (after.status, after.error) == (401, "invalid_token")


async def test_other_sessions_and_keys_go_on(live: Live, people: People) -> None:
    other = await live.sign_in(people.user.username)
    key = live.with_key(await people.user.key())

    await people.user.caller.post("/auth/logout")

    assert (await other.get("/auth/me")).status == 200
    assert (await key.get("/auth/me")).status == 200


async def test_a_token_that_ran_out_still_ends_its_session(
    people: People, clock: ShiftedClock
) -> None:
    caller = await people.user.anew()
    clock.advance(16 * 60)
    assert (await caller.get("/auth/me")).status == 401

    assert (await caller.post("/auth/logout")).status == 204
    again = await caller.post("/auth/logout")
    assert (again.status, again.error) == (401, "invalid_token")


async def test_a_second_logout_finds_no_session(people: People) -> None:
    await people.user.caller.post("/auth/logout")

    again = await people.user.caller.post("/auth/logout")

    assert (again.status, again.error) == (401, "invalid_token")


async def test_without_a_credential_it_is_unauthorized(live: Live) -> None:
    answer = await live.anonymous.post("/auth/logout")

    assert (answer.status, answer.error) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="agentbox"'


@pytest.mark.parametrize("header", ["bearer", "key"])
async def test_a_key_has_no_session_to_end(live: Live, people: People, header: str) -> None:
    text = await people.super_admin.key()
    caller = live.with_key(text) if header == "key" else live.with_token(text)

    answer = await caller.post("/auth/logout")

    assert (answer.status, answer.error) == (403, "session_required")
    assert (await caller.get("/auth/me")).status == 200


async def test_an_expired_token_with_a_wrong_signature_ends_nothing(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    clock.advance(16 * 60)
    head, _, signature = people.user.token.rpartition(".")
    forged = f"{head}.{signature[:-4]}AAAA"

    assert (await live.with_token(forged).post("/auth/logout")).status == 401
    assert (await people.user.caller.post("/auth/logout")).status == 204


async def test_it_takes_any_body_without_reading_it(people: People) -> None:
    answer = await people.user.caller.post("/auth/logout", {"all": True})

    assert answer.status == 204
