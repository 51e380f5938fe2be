"""POST /environments: what is taken, what is given back, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register
from tests.e2e.people import People

OPAQUE = {
    "timeout": 3600,
    "env": {"LANG": "C", "n": None, "z": 1.5},
    "command": ["sh", "-c", "true"],
    "node_selector": {"zone": "a"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "isolation": "gvisor",
    "pool": False,
}


async def test_a_name_is_enough(people: People) -> None:
    made = await people.user.caller.post("/environments", {"name": "box"})

    assert made.status == 201
    assert made.headers["Location"] == f"/api/v1/environments/{made.body['id']}"
    assert made.body == {
        "id": made.body["id"],
        "name": "box",
        "status": "pending",
        "image": "",
        "resources": {},
        "created_at": made.body["created_at"],
        "user_id": people.user.id,
        "permission": "owner",
    }


async def test_everything_comes_back_as_it_was_given(people: People) -> None:
    given = {
        "name": " Bäx, with spaces ",
        "image": "registry.example/agent:1@sha256:0",
        "resources": {"cpu": "500m", "memory": "2Gi", "storage": "10 GB"},
        "labels": {"team": "blue", "Ünïcode": "✓:x"},
        **OPAQUE,
    }

    made = await register(people.user, **given)

    read = await people.user.caller.get(path_of(made))
    assert read.status == 200
    assert read.body == made
    assert {name: made[name] for name in given} == given


async def test_null_is_absent_among_the_orchestrators_members(people: People) -> None:
    made = await register(people.user, timeout=None, pool="a")

    assert "timeout" not in made
    assert made["pool"] == "a"


@pytest.mark.parametrize(
    ("status", "started", "ended"),
    [
        ("pending", False, False),
        ("running", True, False),
        ("terminated", False, True),
        ("failed", False, True),
    ],
)
async def test_a_status_brings_its_times(
    people: People, status: str, started: bool, ended: bool
) -> None:
    made = await register(people.user, status=status)

    assert made["status"] == status
    assert ("started_at" in made, "terminated_at" in made) == (started, ended)


LONG = "x" * 129

REFUSED = [
    ({}, "/name"),
    ({"name": ""}, "/name"),
    ({"name": LONG}, "/name"),
    ({"name": "a\nb"}, "/name"),
    ({"name": 1}, "/name"),
    ({"name": "a", "image": "a\x1bb"}, "/image"),
    ({"name": "a", "image": "x" * 513}, "/image"),
    ({"name": "a", "resources": {"gpu": "1"}}, "/resources"),
    ({"name": "a", "resources": {"cpu": 1}}, "/resources/cpu"),
    ({"name": "a", "labels": {"": "x"}}, "/labels"),
    ({"name": "a", "labels": {"a:b": "x"}}, "/labels"),
    ({"name": "a", "labels": {"a": "x\t"}}, "/labels"),
    ({"name": "a", "labels": {str(n): "x" for n in range(65)}}, "/labels"),
    ({"name": "a", "status": "stopped"}, "/status"),
    ({"name": "a", "env": {"a": "x" * 16_384}}, ""),
    # Read-only and unknown members are refused, not ignored (AZ-04).
    ({"name": "a", "id": "mine"}, "/id"),
    ({"name": "a", "permission": "owner"}, "/permission"),
    ({"name": "a", "created_at": "2026-01-01T00:00:00Z"}, "/created_at"),
    ({"name": "a", "organization_id": "other"}, "/organization_id"),
]


@pytest.mark.parametrize(
    ("body", "pointer"), REFUSED, ids=[p + str(n) for n, (_, p) in enumerate(REFUSED)]
)
async def test_a_fault_is_named_by_its_place(
    people: People, body: dict[str, Any], pointer: str
) -> None:
    answer = await people.user.caller.post("/environments", body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert pointer in [fault["pointer"][: len(pointer)] for fault in answer.body["errors"]]


async def test_a_role_may_make_one_from_user_on(people: People) -> None:
    answers = {
        role: await people[role].caller.post("/environments", {"name": "box"})
        for role in ("viewer", "user", "admin", "super_admin")
    }

    assert {role: answer.status for role, answer in answers.items()} == {
        "viewer": 403,
        "user": 201,
        "admin": 201,
        "super_admin": 201,
    }
    assert answers["viewer"].error == "insufficient_role"


FOR_ANOTHER = {
    # who makes it, for whom: what is told
    ("user", "other_user"): (403, "insufficient_role"),
    ("user", "nobody"): (403, "insufficient_role"),
    ("admin", "other_user"): (201, None),
    ("admin", "other_viewer"): (422, "permission_exceeds_role"),
    ("admin", "other_admin"): (403, "insufficient_rank"),
    ("admin", "super_admin"): (403, "insufficient_rank"),
    ("admin", "nobody"): (404, "not_found"),
    ("super_admin", "other_user"): (201, None),
    ("super_admin", "other_admin"): (201, None),
    ("super_admin", "other_super_admin"): (201, None),
    ("super_admin", "viewer"): (422, "permission_exceeds_role"),
}


@pytest.mark.parametrize(("maker", "whose"), FOR_ANOTHER)
async def test_only_those_who_outrank_a_user_make_one_for_it(  # AZ-02
    people: People, maker: str, whose: str
) -> None:
    user_id = "nobody" if whose == "nobody" else people[whose].id
    body = {"name": "box", "user_id": user_id}

    answer = await people[maker].caller.post("/environments", body)

    assert (answer.status, answer.error) == FOR_ANOTHER[maker, whose]
    if answer.status == 201:
        assert answer.body["user_id"] == user_id
        assert (await people[whose].caller.get(path_of(answer.body))).body["permission"] == "owner"
        own = "viewer" if maker == "admin" else "owner"
        assert answer.body["permission"] == own


async def test_naming_oneself_is_making_ones_own(people: People) -> None:
    made = await register(people.user, user_id=people.user.id)

    assert (made["user_id"], made["permission"]) == (people.user.id, "owner")
