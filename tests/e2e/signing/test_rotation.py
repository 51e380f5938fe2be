"""Another key signs: nobody who is signed in notices, unless the old ones are compromised."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentbox.model.formats.jose import parse
from agentbox.model.signing_keys import ANNOUNCED_FOR, JWKS_MAX_AGE
from tests.backend import database_in
from tests.e2e.people import ROLES, People, Template
from tests.live import USER_PASSWORD, Caller, Live, ShiftedClock, live_server
from tests.scale import scaled

ROTATE = "/system/keys/rotate"
CALLERS = 8
CALLS = 40

# RFC 7517 and 7518: what may be said of a public key on a curve. `d` and `k` would be the secret.
PUBLIC_MEMBERS = {"kty", "kid", "alg", "use", "crv", "x", "y"}


async def rotate(people: People, **body: Any) -> dict[str, Any]:
    answer = await people.super_admin.caller.post(ROTATE, body)
    assert answer.status == 200, answer.text
    return dict(answer.body)


async def published(live: Live) -> list[str]:
    answer = await live.anonymous.get("/.well-known/jwks.json")
    assert answer.status == 200
    return [key["kid"] for key in answer.body["keys"]]


async def signing(live: Live, people: People) -> str:
    """The id of the key that signed a token got just now."""
    caller = await live.sign_in(people.user.username)
    token = caller.headers["Authorization"].removeprefix("Bearer ")
    return parse(token).key_id or ""


def announced() -> float:
    return ANNOUNCED_FOR.total_seconds()


async def test_nobody_gets_401_while_keys_are_rotated_under_load(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # JWT-10: tokens signed before, and with the new key, hold all the time.
    statuses: list[int] = []

    async def call(caller: Caller) -> None:
        for _ in range(scaled(CALLS)):
            statuses.append((await caller.get("/auth/me")).status)

    async def rotate_and_go_on() -> None:
        before = await signing(live, people)
        made = await rotate(people)
        clock.advance(announced())
        assert await signing(live, people) == made["kid"] != before
        fresh = await live.sign_in(people.user.username)
        await call(fresh)

    everybody = [people[role].caller for role in ROLES] * (CALLERS // len(ROLES))
    await asyncio.gather(*(call(caller) for caller in everybody), rotate_and_go_on())

    assert len(statuses) == (CALLERS + 1) * scaled(CALLS)
    assert set(statuses) == {200}


async def test_old_tokens_are_refused_at_the_next_request_when_keys_are_compromised(
    live: Live, people: People
) -> None:
    # JWT-10: also those whose facts are remembered.
    callers = [people[role].caller for role in ROLES]
    for caller in callers:
        assert (await caller.get("/auth/me")).status == 200

    made = await rotate(people, compromised=True)

    assert [(await caller.get("/auth/me")).status for caller in callers] == [401] * len(callers)
    assert await published(live) == [made["kid"]]
    assert (await (await live.sign_in(people.user.username)).get("/auth/me")).status == 200
    assert await signing(live, people) == made["kid"]


async def test_sessions_go_on_with_their_refresh_tokens_when_keys_are_compromised(
    live: Live, people: People
) -> None:
    login = {"username": people.user.username, "password": USER_PASSWORD}
    begun = (await live.anonymous.post("/auth/login", login)).body
    made = await rotate(people, compromised=True)
    assert (await live.with_token(begun["token"]).get("/auth/me")).status == 401

    answer = await live.anonymous.post("/auth/refresh", {"refresh_token": begun["refresh_token"]})

    assert parse(answer.body["token"]).key_id == made["kid"]
    assert (await live.with_token(answer.body["token"]).get("/auth/me")).status == 200


async def test_a_token_of_a_compromised_key_does_not_even_sign_out(
    live: Live, people: People
) -> None:
    await rotate(people, compromised=True)
    answer = await people.user.caller.post("/auth/logout")
    assert answer.status == 401


async def test_a_new_key_is_published_before_it_signs(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # JWT-10: announce before use, at least as long as others may keep the published keys.
    (before,) = await published(live)
    made = await rotate(people)

    answer = await live.anonymous.get("/.well-known/jwks.json")
    assert [key["kid"] for key in answer.body["keys"]] == [before, made["kid"]]
    assert answer.headers["Cache-Control"] == f"public, max-age={JWKS_MAX_AGE.seconds}"
    assert JWKS_MAX_AGE < ANNOUNCED_FOR
    assert [key["state"] for key in made["keys"]] == ["signing", "announced"]

    clock.advance(announced() - 1)
    assert await signing(live, people) == before
    clock.advance(1)
    assert await signing(live, people) == made["kid"]


async def test_the_old_key_verifies_until_the_last_token_it_signed_has_expired(
    template: Template, tmp_path: Path, clock: ShiftedClock
) -> None:
    # JWT-10: the longest-lived token that there can be, signed in the last second.
    template.copy_to(tmp_path)
    day = {"AGENTBOX_JWT_EXPIRY": "24h"}
    async with live_server(tmp_path, environ=day, clock=clock) as live:
        people = People(live, template)
        made = await rotate(people)
        clock.advance(announced() - 1)
        last = await live.sign_in(people.user.username)
        clock.advance(timedelta(hours=24).total_seconds() - 2)
        assert (await last.get("/auth/me")).status == 200
        assert len(await published(live)) == 2
        clock.advance(4)
        assert (await last.get("/auth/me")).status == 401
        assert await published(live) == [made["kid"]]


async def test_retired_keys_are_kept_and_told(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    (before,) = await published(live)
    made = await rotate(people, compromised=True)

    old, new = made["keys"]
    assert (old["kid"], old["state"]) == (before, "retired")
    assert old["retired_at"].endswith("Z")
    assert (new["kid"], new["state"]) == (made["kid"], "signing")


async def test_without_a_body_nothing_is_compromised(live: Live, people: People) -> None:
    answer = await people.super_admin.caller.post(ROTATE)

    assert answer.status == 200, answer.text
    assert [key["state"] for key in answer.body["keys"]] == ["signing", "announced"]


async def test_published_keys_hold_public_members_alone(live: Live, people: People) -> None:
    # JWT-10: never private members, before, while and after a rotation.
    await rotate(people)
    keys = (await live.anonymous.get("/.well-known/jwks.json")).body["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) <= PUBLIC_MEMBERS
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


async def test_of_many_who_rotate_at_once_one_does(live: Live, people: People) -> None:
    caller = people.super_admin.caller
    answers = await asyncio.gather(*(caller.post(ROTATE, {}) for _ in range(8)))

    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert len(await published(live)) == 2
    assert (await people.user.caller.get("/auth/me")).status == 200


async def test_many_who_find_keys_compromised_at_once_leave_one_that_signs(
    live: Live, people: People
) -> None:
    key = await people.super_admin.key(scopes=["system:write"])
    caller = live.with_key(key)
    answers = await asyncio.gather(*(caller.post(ROTATE, {"compromised": True}) for _ in range(8)))

    assert {answer.status for answer in answers} == {200}
    (left,) = await published(live)
    assert await signing(live, people) == left
    assert (await (await live.sign_in(people.user.username)).get("/auth/me")).status == 200


async def test_an_announced_key_is_compromised_with_the_others(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    key = live.with_key(await people.super_admin.key(scopes=["system:write"]))
    waiting = (await key.post(ROTATE, {})).body["kid"]
    made = (await key.post(ROTATE, {"compromised": True})).body["kid"]

    clock.advance(announced())
    assert waiting not in await published(live)
    assert await signing(live, people) == made


async def test_rotating_again_once_the_new_key_signs_goes_on(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    first = await rotate(people)
    clock.advance(announced())
    second = await rotate(people)
    clock.advance(announced())

    assert await signing(live, people) == second["kid"] != first["kid"]
    assert (await people.user.caller.get("/auth/me")).status == 200


@pytest.mark.parametrize("body", [{"compromised": "yes"}, {"compromised": 1}, {"kid": "mine"}])
async def test_a_body_of_another_kind_is_refused(people: People, body: dict[str, Any]) -> None:
    assert (await people.super_admin.caller.post(ROTATE, body)).status == 422


async def test_only_a_super_admin_with_the_scope_rotates(live: Live, people: People) -> None:
    for role in ("viewer", "user", "admin"):
        answer = await people[role].caller.post(ROTATE, {})
        assert (answer.status, answer.error) == (403, "insufficient_role")
    narrow = live.with_key(await people.super_admin.key(scopes=["system:read"]))
    answer = await narrow.post(ROTATE, {})
    assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert (await live.anonymous.post(ROTATE, {})).status == 401
    assert len(await published(live)) == 1


async def test_the_audit_names_the_new_key_and_who_rotated(live: Live, people: People) -> None:
    made = await rotate(people, compromised=True)
    async with live.runtime.storage.transaction(read_only=True) as tx:
        (event,) = await tx.audit.last(1)
    assert (event.event, event.target) == ("signing_key.rotate", f"signing_key:{made['kid']}")
    assert event.actor == f"user:{people.super_admin.id}"
    assert event.details == {"compromised": True, "replaced": 1}


async def test_without_its_audit_row_no_key_is_rotated(
    live: Live, people: People, tmp_path: Path
) -> None:
    # OB-04: the row is part of the change.
    before = await published(live)
    await asyncio.to_thread(database_in(tmp_path).refuse_inserts, "audit")

    answer = await people.super_admin.caller.post(ROTATE, {"compromised": True})

    assert answer.status >= 500
    assert await published(live) == before
    assert (await people.user.caller.get("/auth/me")).status == 200


async def test_a_shared_secret_is_not_rotated_by_command(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    secret = {"AGENTBOX_JWT_SECRET": "a-q9vK2mZ7xW4tB8nR1cY6uE3sH5jL0pD"}
    async with live_server(tmp_path, environ=secret) as live:
        people = People(live, template)
        answer = await people.super_admin.caller.post(ROTATE, {})
        assert (answer.status, answer.error) == (409, "conflict")
        assert "AGENTBOX_JWT_SECRET" in answer.body["detail"]
        assert secret["AGENTBOX_JWT_SECRET"] not in answer.text
        states = [(key.algorithm, key.state) for key in await live.runtime.signing_keys.list()]
        assert states == [("ES256", "verifying"), ("HS256", "signing")]
