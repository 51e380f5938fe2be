"""POST /api-keys/{id}/rotate and /api-keys/self/revoke."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import Answer, Live, ShiftedClock

WRITER = ["api_keys:read", "api_keys:write", "self:read"]


async def rotate(people: People, record: dict[str, Any], body: Any = None) -> Answer:
    body = {} if body is None else body
    return await people.user.caller.post(f"/api-keys/{record['id']}/rotate", body)


async def test_the_new_key_has_the_rights_and_the_end_of_the_old_one(
    live: Live, people: People
) -> None:
    _, old = await live.make_key(
        people.user.caller,
        name="robot",
        description="builds",
        scopes=WRITER,
        permissions=[],
        expires_in=30,
        allowed_cidrs=["127.0.0.0/8"],
        rate_limit="90/minute",
    )
    new = await rotate(people, old)

    own = {"id", "key", "key_prefix", "created_at"}
    assert new.status == 201
    assert new.headers["Cache-Control"] == "no-store"
    assert new.headers["Location"] == f"/api/v1/api-keys/{new.body['id']}"
    assert {name: value for name, value in new.body.items() if name not in own} == {
        name: value for name, value in old.items() if name not in own
    } | {"rotated_from": old["id"]}
    shown = (await people.user.caller.get(f"/api-keys/{new.body['id']}")).body
    assert shown["rotated_from"] == old["id"]
    assert new.body["key"] not in str(shown)


async def test_both_keys_work_for_the_overlap_and_then_the_new_one(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # AK-05
    text, old = await live.make_key(people.user.caller)
    new = await rotate(people, old, {"overlap_seconds": 120})
    keys = live.with_key(text), live.with_key(new.body["key"])
    found = []
    for seconds in (0, 119, 2):
        clock.advance(seconds)
        found.append([(await key.get("/auth/me")).status for key in keys])

    assert found == [[200, 200], [200, 200], [401, 200]]


async def test_the_overlap_is_an_hour_if_nothing_is_said(live: Live, people: People) -> None:
    _, old = await live.make_key(people.user.caller)
    new = await rotate(people, old)
    kept = (await people.user.caller.get(f"/api-keys/{old['id']}")).body

    begins, ends = (
        datetime.fromisoformat(text) for text in (new.body["created_at"], kept["expires_at"])
    )
    assert (ends - begins).total_seconds() == 3600
    assert "expires_at" not in new.body


async def test_a_body_is_not_needed(live: Live, people: People) -> None:
    _, record = await live.make_key(people.user.caller)

    answer = await people.user.caller.post(f"/api-keys/{record['id']}/rotate")

    assert answer.status == 201, answer.text
    assert answer.body["rotated_from"] == record["id"]


async def test_no_overlap_is_the_end_of_the_old_key(live: Live, people: People) -> None:
    # AK-05
    text, old = await live.make_key(people.user.caller)
    assert (await live.with_key(text).get("/auth/me")).status == 200
    new = await rotate(people, old, {"overlap_seconds": 0})

    assert (await live.with_key(text).get("/auth/me")).status == 401
    assert (await live.with_key(new.body["key"]).get("/auth/me")).status == 200
    assert "revoked_at" in (await people.user.caller.get(f"/api-keys/{old['id']}")).body


@pytest.mark.parametrize(
    "body",
    [
        {"overlap_seconds": -1},
        {"overlap_seconds": 604_801},
        {"overlap_seconds": 10**18},
        {"overlap_seconds": 1.5},
        {"overlap_seconds": "60"},
        {"overlap_seconds": True},
        {"overlap_seconds": None},
        {"expires_in": 30},
        {"scopes": ["self:read"]},
    ],
    ids=str,
)
async def test_nothing_else_can_be_said(live: Live, people: People, body: Any) -> None:
    text, old = await live.make_key(people.user.caller)
    answer = await rotate(people, old, body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert (await people.user.caller.get("/api-keys")).body["total"] == 1
    assert (await live.with_key(text).get("/auth/me")).status == 200


@pytest.mark.parametrize("state", ["revoked", "expired", "rotated"])
async def test_a_key_that_is_over_or_rotated_is_409(
    live: Live, people: People, clock: ShiftedClock, state: str
) -> None:
    _, old = await live.make_key(people.user.caller, expires_in=1)
    if state == "revoked":
        await people.user.caller.delete(f"/api-keys/{old['id']}")
    if state == "rotated":
        await rotate(people, old)
    if state == "expired":
        clock.advance(86_401)
        people.user.caller = await live.sign_in(people.user.username)
    answer = await rotate(people, old)

    assert (answer.status, answer.error) == (409, "conflict")


async def test_of_two_rotations_at_once_exactly_one_wins(live: Live, people: People) -> None:
    # AK-05
    _, old = await live.make_key(people.user.caller)
    answers = await asyncio.gather(*(rotate(people, old) for _ in range(2)))

    assert sorted(answer.status for answer in answers) == [201, 409]
    listed = (await people.user.caller.get("/api-keys")).body
    assert [key.get("rotated_from") for key in listed["api_keys"]] == [old["id"], None]


@pytest.mark.parametrize("name", ["viewer", "other_user", "admin", "super_admin"])
async def test_the_key_of_another_is_not_there(live: Live, people: People, name: str) -> None:
    # AK-02 AZ-07
    _, old = await live.make_key(people.user.caller)
    answer = await people[name].caller.post(f"/api-keys/{old['id']}/rotate", {})

    assert (answer.status, answer.error) == (404, "not_found")


async def test_a_key_rotates_itself_and_goes_on_as_its_successor(
    live: Live, people: People
) -> None:
    text, old = await live.make_key(people.user.caller, scopes=WRITER)
    first = await live.with_key(text).post(f"/api-keys/{old['id']}/rotate", {})
    successor = live.with_key(first.body["key"])
    second = await successor.post(f"/api-keys/{first.body['id']}/rotate", {})

    assert (first.status, second.status) == (201, 201)
    assert second.body["scopes"] == WRITER


async def test_a_key_gets_no_wider_key_by_rotating_one(live: Live, people: People) -> None:
    # AK-03
    narrow = live.with_key(
        await people.user.key(
            scopes=WRITER, expires_in=5, allowed_cidrs=["127.0.0.0/8"], rate_limit="100/minute"
        )
    )
    same: dict[str, Any] = {
        "scopes": WRITER,
        "expires_in": 4,
        "allowed_cidrs": ["127.0.0.1"],
        "rate_limit": "1/minute",
    }
    found = {}
    for field, value in {
        "none": None,
        "scopes": [*WRITER, "self:write"],
        "all_environments": "owner",
        "expires_in": 6,
        "allowed_cidrs": ["0.0.0.0/0"],
        "rate_limit": "200/minute",
    }.items():
        fields = same if value is None else same | {field: value}
        _, wide = await live.make_key(people.user.caller, **fields)
        answer = await narrow.post(f"/api-keys/{wide['id']}/rotate", {})
        found[field] = f"{answer.status} {answer.error or ''}".strip()

    assert found == {
        "none": "201",
        "scopes": "403 scope_exceeds_own",
        "all_environments": "403 permission_exceeds_own",
        "expires_in": "422 validation_failed",
        "allowed_cidrs": "422 validation_failed",
        "rate_limit": "422 validation_failed",
    }


async def test_a_default_key_rotates_nothing(live: Live, people: People) -> None:
    # AK-06
    text, record = await live.make_key(people.user.caller)
    answer = await live.with_key(text).post(f"/api-keys/{record['id']}/rotate", {})

    assert (answer.status, answer.error) == (403, "insufficient_scope")


# --- whoever holds a key may give it up ----------------------------------------------------------


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_whoever_holds_a_key_revokes_it_without_any_scope(
    live: Live, people: People, header: str
) -> None:
    # AK-05
    text, record = await live.make_key(people.user.caller)
    holder = live.with_key(text) if header == "X-API-Key" else live.with_token(text)
    revoked = await holder.post("/api-keys/self/revoke")

    assert (revoked.status, revoked.text) == (204, "")
    for answer in (await holder.get("/auth/me"), await holder.post("/api-keys/self/revoke")):
        assert (answer.status, answer.error) == (401, "invalid_token")
    assert "revoked_at" in (await people.user.caller.get(f"/api-keys/{record['id']}")).body


async def test_a_session_is_no_key_that_could_be_revoked(people: People) -> None:
    answer = await people.user.caller.post("/api-keys/self/revoke")

    assert (answer.status, answer.error) == (404, "not_found")
    assert (await people.user.caller.get("/auth/me")).status == 200


async def test_giving_up_a_key_is_audited_in_its_name(live: Live, people: People) -> None:
    text, record = await live.make_key(people.user.caller)
    await live.with_key(text).post("/api-keys/self/revoke")
    async with live.runtime.storage.transaction(read_only=True) as tx:
        [row] = await tx.audit.last(1)

    assert (row.event, row.actor) == ("api_key.revoke", f"api_key:{record['id']}")


async def test_self_is_no_id_of_a_key(people: People) -> None:
    caller = people.user.caller
    answers = [
        await caller.get("/api-keys/self"),
        await caller.post("/api-keys/self/rotate", {}),
        await caller.delete("/api-keys/self"),
        await caller.get("/api-keys/self/usage"),
    ]

    assert {answer.status for answer in answers} == {404}
