"""PATCH and DELETE of an environment: who changes what of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register, shared
from tests.e2e.people import People
from tests.live import ShiftedClock

EDITORS = ({"labels": {"a": "b"}}, {"status": "running"}, {})
OWNERS = ({"name": "new"}, {"image": "i"}, {"resources": {"cpu": "1"}}, {"timeout": 1})


@pytest.mark.parametrize("body", [*EDITORS, *OWNERS], ids=str)
@pytest.mark.parametrize("permission", ["viewer", "editor", "owner"])
async def test_editors_change_labels_and_status_and_owners_all(
    people: People, permission: str, body: dict[str, Any]
) -> None:
    environment = await shared(people.user, people.other_user, permission)
    enough = permission == "owner" or (permission == "editor" and body in EDITORS)

    answer = await people.other_user.caller.patch(path_of(environment), body)

    assert answer.status == (200 if enough else 403)
    if enough:
        assert {name: answer.body[name] for name in body} == body
        assert answer.body["permission"] == permission
    else:
        assert answer.error == "insufficient_permission"
        assert (await people.user.caller.get(path_of(environment))).body == environment


async def test_one_member_too_many_changes_nothing(people: People) -> None:
    environment = await shared(people.user, people.other_user, "editor")

    answer = await people.other_user.caller.patch(
        path_of(environment), {"status": "running", "image": "evil"}
    )

    assert answer.error == "insufficient_permission"
    assert (await people.user.caller.get(path_of(environment))).body == environment


BY_RANK = {
    # an admin without a permission of its own, and whose environment it is
    ("admin", "user"): 200,
    ("admin", "other_admin"): 403,
    ("admin", "super_admin"): 403,
    ("super_admin", "user"): 200,
    ("super_admin", "other_super_admin"): 200,
}


@pytest.mark.parametrize(("who", "whose"), BY_RANK)
async def test_admins_administer_those_of_users_below_them(
    people: People, who: str, whose: str
) -> None:
    environment = await register(people[whose])
    caller = people[who].caller
    path = path_of(environment)

    answers = [
        await caller.patch(path, {"name": "taken over"}),
        await caller.patch(path, {"status": "failed"}),
        await caller.get(f"{path}/permissions"),
        await caller.delete(path),
    ]

    expected = BY_RANK[who, whose]
    assert [answer.status for answer in answers] == [
        *[expected] * 3,
        204 if expected == 200 else 403,
    ]
    if expected == 403:
        assert {answer.error for answer in answers} == {"insufficient_permission"}


async def test_labels_and_resources_are_replaced_and_members_merged(people: People) -> None:
    environment = await register(
        people.user, labels={"a": "1"}, resources={"cpu": "1"}, timeout=5, pool="x"
    )

    answer = await people.user.caller.patch(
        path_of(environment),
        {"labels": {"b": "2"}, "resources": {"memory": "1G"}, "timeout": None, "env": [1]},
    )

    assert answer.body["labels"] == {"b": "2"}
    assert answer.body["resources"] == {"memory": "1G"}
    assert (answer.body["env"], answer.body["pool"]) == ([1], "x")
    assert "timeout" not in answer.body
    labelled = await people.user.caller.get("/environments?label=a:1")
    assert labelled.body["total"] == 0


async def test_members_can_t_grow_beyond_their_bound_step_by_step(people: People) -> None:
    environment = await register(people.user, env="x" * 10_000)

    answer = await people.user.caller.patch(path_of(environment), {"command": "x" * 10_000})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert (await people.user.caller.get(path_of(environment))).body == environment


async def test_a_run_has_a_beginning_and_an_end(people: People, clock: ShiftedClock) -> None:
    path = path_of(await register(people.user))
    times = []
    for status in ("running", "running", "terminated", "running", "pending"):
        clock.advance(60)
        body = (await people.user.caller.patch(path, {"status": status})).body
        times.append((body.get("started_at"), body.get("terminated_at")))

    first, still, over, again, waiting = times
    assert first[0] is not None
    assert first[1] is None
    assert still == first
    assert over[0] == first[0]
    assert over[1] > first[0]
    assert again[0] > over[1]
    assert again[1] is None
    assert waiting == (None, None)


async def test_what_changes_nothing_leaves_no_trace(people: People) -> None:
    environment = await register(people.user, labels={"a": "b"})
    before = len(await trail(people))

    answer = await people.user.caller.patch(
        path_of(environment), {"labels": {"a": "b"}, "status": "pending", "name": "box"}
    )

    assert (answer.status, answer.body) == (200, environment)
    assert len(await trail(people)) == before


async def test_a_deleted_environment_is_gone_with_all_permissions(people: People) -> None:
    environment = await shared(people.user, people.viewer, "viewer")

    assert (await people.user.caller.delete(path_of(environment))).status == 204

    for who in ("user", "viewer", "super_admin"):
        assert (await people[who].caller.get(path_of(environment))).status == 404
    held = await people.viewer.caller.get(f"/users/{people.viewer.id}/permissions")
    assert held.body == {"permissions": [], "total": 0}
    assert (await people.user.caller.delete(path_of(environment))).status == 404


async def test_every_change_is_in_the_trail(people: People) -> None:  # OB-04
    environment = await register(people.user)
    await people.user.caller.patch(path_of(environment), {"status": "running", "name": "b"})
    await people.user.caller.delete(path_of(environment))

    events = [
        (event.event, event.actor, dict(event.details))
        for event in await trail(people)
        if event.target == f"environment:{environment['id']}"
    ]
    by = f"user:{people.user.id}"
    assert events == [
        ("environment.create", by, {"user_id": people.user.id}),
        (
            "environment.update",
            by,
            {"name": "changed", "status": "running", "status_before": "pending"},
        ),
        ("environment.delete", by, {"name": "b"}),
    ]


async def trail(people: People) -> list[Any]:
    """All rows of the audit, oldest first."""
    async with people.user.live.runtime.storage.transaction(read_only=True) as tx:
        return [*reversed(await tx.audit.last(1000))]


async def test_a_user_registers_as_many_as_the_quota_and_no_more(people: People) -> None:
    for number in range(100):
        await register(people.user, f"box {number}")

    for who, more in (("user", {}), ("admin", {"user_id": people.user.id})):
        answer = await people[who].caller.post("/environments", {"name": "one more", **more})
        assert (answer.status, answer.error) == (409, "conflict")
    assert (await people.admin.caller.post("/environments", {"name": "own"})).status == 201
