"""POST /authorize: what an orchestrator asks before it opens a shell; and GET /scopes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.model.access.scopes import SCOPES
from agentbox.plugin.storage import Change
from tests.e2e.environments.sandbox import path_of, register, shared
from tests.e2e.people import People
from tests.live import Caller

OK = (True, "ok")
LITTLE = (False, "insufficient_permission")
NONE = (False, "no_permission")


async def ask(caller: Caller, **question: Any) -> tuple[bool, str]:
    answer = await caller.post("/authorize", question)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.body["allowed"], answer.body["reason"]


ANSWERS = {
    # who asks about an environment of `user`, shared with `viewer` and `other_user` (editor)
    "user": (OK, OK, OK),
    "other_user": (OK, OK, LITTLE),
    "viewer": (OK, LITTLE, LITTLE),
    "other_viewer": (NONE, NONE, NONE),
    "admin": (OK, LITTLE, LITTLE),  # an admin must grant it to itself first
    "super_admin": (OK, OK, OK),
}


@pytest.mark.parametrize("who", ANSWERS)
async def test_the_answer_follows_from_role_and_grant(people: People, who: str) -> None:
    environment = await shared(people.user, people.other_user, "editor")
    body = {"user_id": people.viewer.id, "permission": "viewer"}
    await people.user.caller.post(f"{path_of(environment)}/permissions", body)

    answers = [
        await ask(people[who].caller, environment_id=environment["id"], permission=permission)
        for permission in ("viewer", "editor", "owner")
    ]

    assert tuple(answers) == ANSWERS[who]


async def test_one_that_is_not_there_is_answered_like_one_that_is_not_shared(  # AZ-07
    people: People,
) -> None:
    hidden = await register(people.other_user)

    for environment_id in (hidden["id"], "nowhere"):
        caller = people.user.caller
        assert await ask(caller, environment_id=environment_id, permission="viewer") == NONE
    assert await ask(people.super_admin.caller, environment_id="nowhere", permission="viewer") == (
        NONE
    )


async def test_a_key_is_answered_by_its_own_limit(people: People) -> None:
    environment = await register(people.user)
    live = people.user.live
    keys = {
        level: live.with_key(await people.user.key(all_environments=level))
        for level in ("viewer", "editor", "owner")
    }
    blind = live.with_key(await people.user.key(permissions=[]))

    async def of(caller: Caller) -> list[tuple[bool, str]]:
        return [
            await ask(caller, environment_id=environment["id"], permission=permission)
            for permission in ("viewer", "editor", "owner")
        ]

    assert await of(keys["viewer"]) == [OK, LITTLE, LITTLE]
    assert await of(keys["editor"]) == [OK, OK, LITTLE]
    assert await of(keys["owner"]) == [OK, OK, OK]
    assert await of(blind) == [NONE, NONE, NONE]


async def test_a_scope_is_asked_for_alone_or_with_a_permission(people: People) -> None:
    environment = await register(people.user)
    key = people.user.live.with_key(
        await people.user.key(scopes=["metrics:read"], all_environments="owner")
    )
    here = {"environment_id": environment["id"], "permission": "owner"}

    assert await ask(key, scope="metrics:read") == OK
    assert await ask(key, scope="environments:read") == (False, "insufficient_scope")
    assert await ask(key, scope="metrics:read", **here) == OK
    assert await ask(key, scope="environments:write", **here) == (False, "insufficient_scope")
    assert await ask(people.user.caller, scope="users:read") == (False, "insufficient_scope")


async def test_many_questions_have_their_answers_in_order(people: People) -> None:
    mine = await register(people.user)
    checks: list[dict[str, str]] = [
        {"environment_id": mine["id"], "permission": "owner"},
        {"environment_id": "nowhere", "permission": "viewer"},
        {"scope": "environments:read"},
        {"scope": "system:write"},
    ] * 25

    answer = await people.user.caller.post("/authorize", {"checks": checks})

    reasons = ["ok", "no_permission", "ok", "insufficient_scope"] * 25
    assert [each["reason"] for each in answer.body["results"]] == reasons
    assert [each["allowed"] for each in answer.body["results"]] == [r == "ok" for r in reasons]
    assert "allowed" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"environment_id": "x"},
        {"permission": "viewer"},
        {"environment_id": "x", "permission": "admin"},
        {"scope": "frobnicate"},
        {"scope": "*"},
        {"scope": "users:read", "user_id": "x"},
        {"checks": []},
        {"checks": [{}]},
        {"checks": [{"scope": "users:read"}], "scope": "users:read"},
        {"checks": [{"scope": "self:read"}] * 101},
        {"checks": [{"checks": []}]},
    ],
    ids=str,
)
async def test_a_question_that_is_none_is_refused(people: People, body: dict[str, Any]) -> None:
    answer = await people.user.caller.post("/authorize", body)

    assert (answer.status, answer.error) == (422, "validation_failed")


async def test_a_session_that_must_change_its_password_may_nothing(people: People) -> None:
    users = people.user.live.runtime.storage
    async with users.transaction() as tx:
        record = await tx.users.get(people.user.id)
        assert record is not None
        await tx.users.replace(replace(record, password_change_required=True))
        tx.changed(Change("user", people.user.id))

    assert await ask(people.user.caller, scope="self:read") == (False, "restricted")
    scopes = await people.user.caller.get("/scopes")
    assert (scopes.status, scopes.error) == (403, "password_change_required")


async def test_nobody_asks_without_a_credential(people: People) -> None:
    answer = await people.user.live.anonymous.post("/authorize", {"scope": "self:read"})

    assert (answer.status, answer.error) == (401, "unauthorized")


async def test_the_scopes_are_told_to_whoever_has_a_credential(people: People) -> None:
    answer = await people.viewer.caller.get("/scopes")

    assert answer.status == 200
    assert [each["name"] for each in answer.body["scopes"]] == list(SCOPES)
    assert answer.body["scopes"][0] == {
        "name": "self:read",
        "description": SCOPES["self:read"].description,
        "min_role": "viewer",
        "default": True,
    }
