"""PATCH /api-keys/{id}: what may be changed of a key, by whom, and from when on it counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.environments.sandbox import register
from tests.e2e.people import People
from tests.live import Live, ShiftedClock

SCOPES = ["api_keys:read", "api_keys:write", "self:read"]


async def a_key(live: Live, people: People, **fields: Any) -> tuple[str, dict[str, Any]]:
    return await live.make_key(people.user.caller, **({"scopes": SCOPES} | fields))


async def test_the_changed_record_is_the_answer_and_what_is_read(
    live: Live, people: People
) -> None:
    _, record = await a_key(live, people, name="old")
    path = f"/api-keys/{record['id']}"
    body = {"name": "new", "scopes": ["self:read"], "rate_limit": "5/minute"}
    changed = await people.user.caller.patch(path, body)

    assert changed.status == 200
    assert {name: changed.body[name] for name in body} == body
    assert "key" not in changed.body
    assert (await people.user.caller.get(path)).body == changed.body


async def test_null_removes_what_may_be_removed(live: Live, people: People) -> None:
    _, record = await a_key(live, people, name="n", description="d", all_environments="owner")
    body = {"name": None, "description": None, "all_environments": None}
    changed = await people.user.caller.patch(f"/api-keys/{record['id']}", body)

    assert changed.status == 200
    assert set(body) & set(changed.body) == set()
    assert changed.body["permissions"] == []


async def test_an_empty_description_is_none(live: Live, people: People) -> None:
    _, record = await a_key(live, people, description="d")
    changed = await people.user.caller.patch(f"/api-keys/{record['id']}", {"description": ""})

    assert "description" not in changed.body


async def test_nothing_said_changes_nothing(live: Live, people: People) -> None:
    _, record = await a_key(live, people, name="n")
    path = f"/api-keys/{record['id']}"
    before = (await people.user.caller.get(path)).body
    for body in ({}, {"name": "n"}, {"scopes": SCOPES[::-1]}):
        answer = await people.user.caller.patch(path, body)
        assert (answer.status, answer.body) == (200, before)

    async with live.runtime.storage.transaction(read_only=True) as tx:
        events = [row.event for row in await tx.audit.last(100)]
    assert "api_key.update" not in events


WIDER: list[tuple[dict[str, Any], str]] = [
    ({"scopes": ["self:read", "self:write"]}, "403 scope_exceeds_own"),
    ({"scopes": ["users:read"]}, "403 scope_exceeds_own"),
    ({"scopes": []}, "422 validation_failed"),
    ({"scopes": None}, "422 validation_failed"),
    ({"scopes": ["nope"]}, "422 validation_failed"),
    ({"all_environments": "editor"}, "403 permission_exceeds_own"),
    ({"permissions": [{"environment_id": "{mine}", "permission": "owner"}]},
     "403 permission_exceeds_own"),
    ({"permissions": [{"environment_id": "nowhere", "permission": "viewer"}]}, "404 not_found"),
    ({"permissions": [{"environment_id": "a", "permission": "viewer"}] * 2},
     "422 validation_failed"),
    ({"permissions": None}, "422 validation_failed"),
    ({"expires_in": 365}, "422 validation_failed"),
    ({"expires_at": "2099-01-01T00:00:00Z"}, "422 validation_failed"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "422 validation_failed"),
    ({"expires_at": None}, "422 validation_failed"),
    ({"expires_in": 1, "expires_at": "2099-01-01T00:00:00Z"}, "422 validation_failed"),
    ({"allowed_cidrs": ["0.0.0.0/0"]}, "422 validation_failed"),
    ({"allowed_cidrs": []}, "422 validation_failed"),
    ({"allowed_cidrs": None}, "422 validation_failed"),
    ({"rate_limit": "101/minute"}, "422 validation_failed"),
    ({"rate_limit": None}, "422 validation_failed"),
    ({"name": ""}, "422 validation_failed"),
    ({"name": "a\nb"}, "422 validation_failed"),
    ({"user_id": "x"}, "422 validation_failed"),
    ({"key_prefix": "x"}, "422 validation_failed"),
    ({"revoked_at": None}, "422 validation_failed"),
    ({"rotated_from": "x"}, "422 validation_failed"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), WIDER, ids=str)
async def test_what_is_wider_or_not_to_be_changed_is_refused(
    live: Live, people: People, body: dict[str, Any], said: str
) -> None:
    # AK-03 AK-05
    mine = (await register(people.user))["id"]
    _, record = await a_key(
        live, people, expires_in=30, allowed_cidrs=["127.0.0.0/8"], rate_limit="100/minute"
    )
    for each in body.get("permissions") or []:
        if each["environment_id"] == "{mine}":
            body = {"permissions": [{"environment_id": mine, "permission": "owner"}]}
    path = f"/api-keys/{record['id']}"
    before = (await people.user.caller.get(path)).body
    answer = await people.user.caller.patch(path, body)

    assert f"{answer.status} {answer.error}" == said
    assert (await people.user.caller.get(path)).body == before


@pytest.mark.parametrize("name", ["viewer", "other_user", "admin", "super_admin"])
async def test_the_key_of_another_is_not_there(live: Live, people: People, name: str) -> None:
    # AK-02 AZ-07
    _, record = await a_key(live, people)
    path = f"/api-keys/{record['id']}"
    for body in ({}, {"name": "mine"}, {"scopes": ["self:read"]}):
        answer = await people[name].caller.patch(path, body)
        assert (answer.status, answer.error) == (404, "not_found")

    assert "name" not in (await people.user.caller.get(path)).body


async def test_a_revoked_key_is_409_and_an_expired_one_may_be_renamed(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    _, revoked = await a_key(live, people)
    _, expired = await a_key(live, people, expires_in=1)
    await people.user.caller.delete(f"/api-keys/{revoked['id']}")
    clock.advance(2 * 86_400)
    caller = await live.sign_in(people.user.username)

    for body in ({}, {"name": "new"}):
        answer = await caller.patch(f"/api-keys/{revoked['id']}", body)
        assert (answer.status, answer.error) == (409, "conflict")
    assert (await caller.patch(f"/api-keys/{expired['id']}", {"name": "new"})).status == 200


async def test_a_key_narrows_itself_and_is_narrower_at_once(live: Live, people: People) -> None:
    # AK-04
    text, record = await a_key(live, people)
    key, path = live.with_key(text), f"/api-keys/{record['id']}"
    assert (await key.get(path)).status == 200

    narrowed = await key.patch(path, {"scopes": ["self:read"]})

    assert narrowed.status == 200
    assert (await key.get("/auth/me")).body["auth"]["scopes"] == ["self:read"]
    for answer in (await key.get(path), await key.patch(path, {"name": "x"})):
        assert (answer.status, answer.error) == (403, "insufficient_scope")


async def test_a_narrower_end_network_or_rate_counts_from_the_next_request_on(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    # AK-05
    found = {}
    for field, value in {
        "allowed_cidrs": ["192.0.2.0/24"],
        "rate_limit": "1/day",
        "expires_in": 1,
    }.items():
        text, record = await a_key(live, people, expires_in=30)
        key = live.with_key(text)
        for _ in range(3):
            assert (await key.get("/auth/me")).status == 200
        changed = await people.user.caller.patch(f"/api-keys/{record['id']}", {field: value})
        assert changed.status == 200
        me = await key.get("/auth/me")
        if field == "expires_in":
            assert me.body["auth"]["expires_at"] == changed.body["expires_at"]
            clock.advance(86_401)
        else:
            await key.get("/auth/me")
        found[field] = (await key.get("/auth/me")).status

    assert found == {"allowed_cidrs": 401, "rate_limit": 429, "expires_in": 401}


async def test_after_a_narrowing_no_request_has_what_was_taken(live: Live, people: People) -> None:
    # AK-04: also while the key is in use all the time
    text, record = await a_key(live, people)
    key, path = live.with_key(text), f"/api-keys/{record['id']}"
    narrowed = asyncio.Event()
    late: list[int] = []

    async def use() -> None:
        after = 0
        while after < 20:
            begun_after = narrowed.is_set()
            status = (await key.get(path)).status
            if begun_after:
                late.append(status)
                after += 1

    users = [asyncio.create_task(use()) for _ in range(4)]
    for _ in range(3):
        await key.get("/auth/me")
    assert (await people.user.caller.patch(path, {"scopes": ["self:read"]})).status == 200
    narrowed.set()
    await asyncio.gather(*users)

    assert (len(late), set(late)) == (80, {403})


async def test_of_two_narrowings_at_once_nothing_comes_back(live: Live, people: People) -> None:
    # AK-05
    _, record = await a_key(live, people)
    path = f"/api-keys/{record['id']}"
    halves = (["self:read", "api_keys:read"], ["self:read", "api_keys:write"])
    answers = await asyncio.gather(
        *(people.user.caller.patch(path, {"scopes": half}) for half in halves)
    )
    kept = (await people.user.caller.get(path)).body["scopes"]

    # the second one finds the first one's scopes, and asks beyond them
    assert sorted(answer.status for answer in answers) == [200, 403]
    assert kept in [sorted(half) for half in halves]
