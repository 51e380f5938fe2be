"""Permissions on an environment: given, changed, taken, given up, never without an owner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People, Person
from tests.scale import scaled


async def held(environment: dict[str, Any], by: Person) -> dict[str, str]:
    """Who holds what, as `by` is told: user ids and permissions."""
    answer = await by.caller.get(f"{path_of(environment)}/permissions")
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["permissions"])
    return {each["user_id"]: each["permission"] for each in answer.body["permissions"]}


async def test_an_owner_shares_by_id_or_by_name(people: People) -> None:
    environment = await register(people.user)
    path = f"{path_of(environment)}/permissions"
    owner = people.user.caller

    by_id = await owner.post(path, {"user_id": people.other_user.id, "permission": "editor"})
    by_name = await owner.post(
        path, {"username": people.viewer.username.upper(), "permission": "viewer"}
    )

    assert (by_id.status, by_name.status) == (201, 201)
    assert by_id.headers["Location"] == f"/api/v1{path}/{people.other_user.id}"
    assert by_id.body == {
        "id": by_id.body["id"],
        "user_id": people.other_user.id,
        "environment_id": environment["id"],
        "permission": "editor",
        "granted_by": people.user.id,
        "granted_at": by_id.body["granted_at"],
    }
    assert await held(environment, people.user) == {
        people.user.id: "owner",
        people.other_user.id: "editor",
        people.viewer.id: "viewer",
    }


@pytest.mark.parametrize("permission", ["viewer", "editor"])
async def test_only_owners_say_who_does_what(people: People, permission: str) -> None:
    environment = await shared(people.user, people.other_user, permission)
    path = f"{path_of(environment)}/permissions"
    caller = people.other_user.caller

    answers = [
        await caller.get(path),
        await caller.post(path, {"user_id": people.admin.id, "permission": "viewer"}),
        await caller.put(f"{path}/{people.user.id}", {"permission": "viewer"}),
        await caller.put(f"{path}/{people.other_user.id}", {"permission": "owner"}),
        await caller.delete(f"{path}/{people.user.id}"),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {
        (403, "insufficient_permission")
    }
    assert len(await held(environment, people.user)) == 2


GIVING = [
    ({"user_id": "{other}", "username": "user.person", "permission": "viewer"}, 422),
    ({"permission": "viewer"}, 422),
    ({"user_id": "{other}"}, 422),
    ({"user_id": "{other}", "permission": "admin"}, 422),
    ({"user_id": "{other}", "permission": "viewer", "granted_by": "x"}, 422),
    ({"user_id": "nobody", "permission": "viewer"}, 404),
    ({"username": "nobody", "permission": "viewer"}, 404),
    ({"username": "no@body", "permission": "viewer"}, 404),
    ({"user_id": "{viewer}", "permission": "editor"}, 422),
    ({"user_id": "{viewer}", "permission": "owner"}, 422),
    ({"user_id": "{own}", "permission": "viewer"}, 409),
]


@pytest.mark.parametrize(("body", "status"), GIVING, ids=str)
async def test_what_can_t_be_given(people: People, body: dict[str, str], status: int) -> None:
    environment = await register(people.user)
    ids = {
        "other": people.other_user.id,
        "viewer": people.viewer.id,
        "own": people.user.id,
    }
    given = {name: value.format(**ids) for name, value in body.items()}

    answer = await people.user.caller.post(f"{path_of(environment)}/permissions", given)

    assert answer.status == status
    assert await held(environment, people.user) == {people.user.id: "owner"}


async def test_a_viewer_by_role_holds_no_more_than_viewer(people: People) -> None:
    environment = await shared(people.user, people.other_user, "owner")
    path = f"{people.other_user.path}"
    await people.admin.caller.patch(path, {"role": "viewer"})

    seen = await people.other_user.caller.get(path_of(environment))
    assert seen.body["permission"] == "viewer"
    # The row stays, and counts again after a promotion.
    assert (await held(environment, people.user))[people.other_user.id] == "owner"
    await people.admin.caller.patch(path, {"role": "user"})
    seen = await people.other_user.caller.get(path_of(environment))
    assert seen.body["permission"] == "owner"


async def test_a_change_and_a_removal_count_at_the_next_request(people: People) -> None:  # AZ-09
    environment = await shared(people.user, people.other_user, "editor")
    path, one = path_of(environment), f"{path_of(environment)}/permissions/{people.other_user.id}"
    key = people.user.live.with_key(
        await people.other_user.key(
            scopes=["environments:read", "environments:write"], all_environments="owner"
        )
    )
    callers = (people.other_user.caller, key)

    async def statuses() -> list[tuple[int, int]]:
        return [
            ((await c.get(path)).status, (await c.patch(path, {"status": "running"})).status)
            for c in callers
        ]

    assert await statuses() == [(200, 200)] * 2
    changed = await people.user.caller.put(one, {"permission": "viewer"})
    assert (changed.status, changed.body["permission"]) == (200, "viewer")
    assert await statuses() == [(200, 403)] * 2
    assert (await people.user.caller.delete(one)).status == 204
    assert await statuses() == [(404, 404)] * 2
    assert (await people.user.caller.delete(one)).status == 404
    assert (await people.user.caller.put(one, {"permission": "viewer"})).status == 404


async def test_an_owner_of_one_has_nothing_on_another(people: People) -> None:  # AZ-06, AZ-09
    mine = await register(people.user)
    theirs = await register(people.other_user)
    path = f"{path_of(theirs)}/permissions"

    told = await people.user.caller.post(
        path, {"user_id": people.user.id, "permission": "owner", "environment_id": mine["id"]}
    )
    also = await people.user.caller.post(
        f"{path_of(mine)}/permissions",
        {"user_id": people.user.id, "permission": "owner"},
        headers={"X-Environment": theirs["id"]},
    )

    assert told.status == 422
    assert also.error == "conflict"
    assert (await people.user.caller.get(path_of(theirs))).status == 404


@pytest.mark.parametrize("permission", ["viewer", "editor", "owner"])
async def test_one_gives_up_one_s_own(people: People, permission: str) -> None:
    environment = await shared(people.user, people.other_user, permission)
    own = f"/permissions/{people.other_user.id}"

    assert (await people.other_user.caller.delete(path_of(environment) + own)).status == 204

    assert (await people.other_user.caller.get(path_of(environment))).status == 404


async def test_the_last_owner_stays(people: People) -> None:
    environment = await shared(people.user, people.other_user, "editor")
    one = f"{path_of(environment)}/permissions/{people.user.id}"

    answers = [
        await people.user.caller.delete(one),
        await people.user.caller.put(one, {"permission": "editor"}),
        await people.admin.caller.delete(one),
        await people.super_admin.caller.put(one, {"permission": "viewer"}),
        await people.user.caller.put(f"{people.user.path}/permissions", {"permissions": []}),
        await people.user.caller.delete(f"{people.user.path}/permissions/{environment['id']}"),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {(409, "last_owner")}
    assert (await held(environment, people.user))[people.user.id] == "owner"


async def test_an_environment_goes_to_the_longest_standing_owner_that_is_left(
    people: People,
) -> None:
    environment = await shared(people.user, people.other_user, "owner")
    await share(people.user, environment, people.admin, "owner")

    await people.user.caller.delete(f"{path_of(environment)}/permissions/{people.user.id}")

    seen = await people.admin.caller.get(path_of(environment))
    assert seen.body["user_id"] == people.other_user.id


async def test_an_owner_with_whom_it_rests_is_not_one_who_is_left(people: People) -> None:
    environment = await shared(people.user, people.other_user, "owner")
    await people.admin.caller.patch(people.other_user.path, {"role": "viewer"})
    one = f"{path_of(environment)}/permissions/{people.user.id}"

    answers = [
        await people.user.caller.delete(one),
        await people.user.caller.put(one, {"permission": "editor"}),
        await people.user.caller.put(f"{people.user.path}/permissions", {"permissions": []}),
    ]
    assert {(answer.status, answer.error) for answer in answers} == {(409, "last_owner")}

    await share(people.user, environment, people.admin, "owner")
    assert (await people.user.caller.delete(one)).status == 204
    seen = (await people.super_admin.caller.get(path_of(environment))).body
    assert seen["user_id"] == people.admin.id


async def test_of_two_owners_who_leave_at_once_one_is_left(people: People) -> None:  # AZ-09
    for _ in range(scaled(20)):
        environment = await shared(people.user, people.other_user, "owner")
        path = f"{path_of(environment)}/permissions"

        answers = await asyncio.gather(
            people.user.caller.delete(f"{path}/{people.user.id}"),
            people.other_user.caller.delete(f"{path}/{people.other_user.id}"),
        )

        assert sorted(answer.status for answer in answers) == [204, 409]
        left = await held(environment, people.super_admin)
        assert list(left.values()) == ["owner"]
        record = (await people.super_admin.caller.get(path_of(environment))).body
        assert [record["user_id"]] == list(left)
        await people.super_admin.caller.delete(path_of(environment))  # there is a quota


async def test_of_two_owners_who_demote_each_other_at_once_one_is_left(people: People) -> None:
    for _ in range(scaled(20)):
        environment = await shared(people.user, people.other_user, "owner")
        path = f"{path_of(environment)}/permissions"

        answers = await asyncio.gather(
            people.user.caller.put(f"{path}/{people.other_user.id}", {"permission": "viewer"}),
            people.other_user.caller.put(f"{path}/{people.user.id}", {"permission": "viewer"}),
        )

        assert sorted(answer.status for answer in answers) == [200, 403]
        left = await held(environment, people.super_admin)
        assert sorted(left.values()) == ["owner", "viewer"]
        await people.super_admin.caller.delete(path_of(environment))


async def test_an_admin_who_needs_an_environment_grants_it_to_itself_for_all_to_read(
    people: People,
) -> None:
    environment = await register(people.user)
    path = f"{path_of(environment)}/permissions"

    given = await people.admin.caller.post(
        path, {"user_id": people.admin.id, "permission": "editor"}
    )

    assert given.status == 201
    async with people.user.live.runtime.storage.transaction(read_only=True) as tx:
        (event,) = await tx.audit.last(1)
    assert (event.event, event.actor) == ("permission.grant", f"user:{people.admin.id}")
    assert event.target == f"environment:{environment['id']}"
    assert dict(event.details) == {
        "environment_id": environment["id"],
        "user_id": people.admin.id,
        "permission": "editor",
    }


async def test_a_keys_limit_holds_for_sharing_too(people: People) -> None:  # AK-04
    environment = await shared(people.user, people.other_user, "editor")
    path = f"{path_of(environment)}/permissions"
    scopes = ["environments:read", "environments:share"]
    key = people.user.live.with_key(await people.user.key(scopes=scopes, all_environments="editor"))

    answers = [
        await key.get(path),
        await key.post(path, {"user_id": people.admin.id, "permission": "viewer"}),
        await key.delete(f"{path}/{people.other_user.id}"),
        await key.delete(f"{path}/{people.user.id}"),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {
        (403, "insufficient_permission")
    }
