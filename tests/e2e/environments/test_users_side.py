"""/users/{user_id}/permissions: the same rights, from the side of a user."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.environments.sandbox import path_of, register, share, shared
from tests.e2e.people import People, Person


async def held(by: Person, of: Person) -> dict[str, str]:
    """The environments of a user and its permissions, as `by` is told."""
    answer = await by.caller.get(f"{of.path}/permissions")
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["permissions"])
    return {each["environment_id"]: each["permission"] for each in answer.body["permissions"]}


async def test_one_reads_ones_own_and_admins_everybodys(people: People) -> None:
    environment = await shared(people.user, people.other_user, "editor")
    expected = {environment["id"]: "editor"}

    assert await held(people.other_user, people.other_user) == expected
    assert await held(people.admin, people.other_user) == expected
    told = await people.user.caller.get(f"{people.other_user.path}/permissions")
    assert (told.status, told.error) == (403, "insufficient_role")
    unknown = await people.admin.caller.get("/users/nobody/permissions")
    assert (unknown.status, unknown.error) == (404, "not_found")


@pytest.mark.parametrize("target", ["other_viewer", "nobody"])
async def test_no_user_writes_to_another_users_list(people: People, target: str) -> None:
    environment = await register(people.user)
    user_id = "nobody" if target == "nobody" else people[target].id
    path = f"/users/{user_id}/permissions"
    body = {"environment_id": environment["id"], "permission": "viewer"}

    answers = [
        await people.user.caller.post(path, body),
        await people.user.caller.put(path, {"permissions": [body]}),
        await people.user.caller.put(f"{path}/{environment['id']}", {"permission": "viewer"}),
        await people.user.caller.delete(f"{path}/{environment['id']}"),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {(403, "insufficient_role")}


async def test_an_admin_gives_changes_and_takes(people: People) -> None:
    environment = await register(people.user)
    path = f"{people.other_user.path}/permissions"
    one = f"{path}/{environment['id']}"
    admin = people.admin.caller

    given = await admin.post(path, {"environment_id": environment["id"], "permission": "viewer"})
    again = await admin.post(path, {"environment_id": environment["id"], "permission": "viewer"})
    changed = await admin.put(one, {"permission": "owner"})
    taken = await admin.delete(one)
    gone = await admin.delete(one)

    assert [a.status for a in (given, again, changed, taken, gone)] == [201, 409, 200, 204, 404]
    assert changed.body["permission"] == "owner"
    assert await held(people.admin, people.other_user) == {}


async def test_sharing_is_not_acting_on_a_user(people: People) -> None:
    environment = await register(people.admin)
    body = {"environment_id": environment["id"], "permission": "owner"}

    for target in ("other_admin", "super_admin"):
        answer = await people.admin.caller.post(f"{people[target].path}/permissions", body)
        assert answer.status == 201, answer.text


async def test_an_admin_gives_nothing_on_what_it_does_not_administer(people: People) -> None:
    environment = await register(people.other_admin)
    path = f"{people.admin.path}/permissions"
    body = {"environment_id": environment["id"], "permission": "owner"}

    answers = [
        await people.admin.caller.post(path, body),
        await people.admin.caller.put(path, {"permissions": [body]}),
    ]

    assert {(answer.status, answer.error) for answer in answers} == {
        (403, "insufficient_permission")
    }
    assert await held(people.admin, people.admin) == {}


async def test_a_whole_list_changes_what_the_caller_may_administer_alone(people: People) -> None:
    kept = await shared(people.other_admin, people.other_user, "viewer", name="not the admin's")
    changed, taken, new = [await register(people.user, name) for name in "abc"]
    for environment in (changed, taken):
        await share(people.user, environment, people.other_user, "viewer")

    answer = await people.admin.caller.put(
        f"{people.other_user.path}/permissions",
        {
            "permissions": [
                {"environment_id": changed["id"], "permission": "editor"},
                {"environment_id": new["id"], "permission": "owner"},
            ]
        },
    )

    assert answer.status == 200
    told = {each["environment_id"]: each["permission"] for each in answer.body["permissions"]}
    assert told == {changed["id"]: "editor", new["id"]: "owner", kept["id"]: "viewer"}
    assert await held(people.other_user, people.other_user) == told


async def test_what_one_may_not_administer_may_be_named_as_it_is(people: People) -> None:
    kept = await shared(people.other_admin, people.other_user, "viewer")
    path = f"{people.other_user.path}/permissions"

    same = [{"environment_id": kept["id"], "permission": "viewer"}]
    more = [{"environment_id": kept["id"], "permission": "editor"}]

    assert (await people.admin.caller.put(path, {"permissions": same})).status == 200
    told = await people.admin.caller.put(path, {"permissions": more})
    assert (told.status, told.error) == (403, "insufficient_permission")


async def test_a_key_learns_nothing_of_what_it_does_not_see(people: People) -> None:  # AZ-07
    hidden = await shared(people.other_user, people.user, "viewer")
    key = people.user.live.with_key(
        await people.user.key(scopes=["environments:share"], permissions=[])
    )

    for permission in ("viewer", "editor"):  # the one that is held, and another one
        entry = {"environment_id": hidden["id"], "permission": permission}
        told = await key.put(f"{people.user.path}/permissions", {"permissions": [entry]})
        assert (told.status, told.error) == (404, "not_found")


async def test_a_list_with_one_wrong_entry_changes_nothing(people: People) -> None:
    mine = await register(people.user)
    await share(people.user, mine, people.other_user, "viewer")
    good: dict[str, Any] = {"environment_id": mine["id"], "permission": "editor"}
    path = f"{people.other_user.path}/permissions"

    for entries, status in (
        ([good, {"environment_id": "nowhere", "permission": "viewer"}], 404),
        ([good, good], 422),
        ([good, {"environment_id": mine["id"], "permission": "root"}], 422),
    ):
        answer = await people.admin.caller.put(path, {"permissions": entries})
        assert answer.status == status
    assert await held(people.admin, people.other_user) == {mine["id"]: "viewer"}


async def test_a_list_for_a_viewer_holds_viewer_alone(people: People) -> None:
    mine = await register(people.user)

    answer = await people.admin.caller.put(
        f"{people.viewer.path}/permissions",
        {"permissions": [{"environment_id": mine["id"], "permission": "editor"}]},
    )

    assert (answer.status, answer.error) == (422, "permission_exceeds_role")


async def test_one_gives_up_ones_own_from_this_side_too(people: People) -> None:
    environment = await shared(people.user, people.other_user, "viewer")
    path = f"{people.other_user.path}/permissions/{environment['id']}"

    assert (await people.other_user.caller.delete(path)).status == 204
    assert (await people.other_user.caller.get(path_of(environment))).status == 404


async def test_pages_lead_through_a_long_list(people: People) -> None:
    made = [await register(people.user, f"box {number}") for number in range(5)]
    seen: list[str] = []
    query = "?limit=2"
    while True:
        body = (await people.user.caller.get(f"{people.user.path}/permissions{query}")).body
        assert body["total"] == 5
        seen += [each["environment_id"] for each in body["permissions"]]
        if "next_cursor" not in body:
            break
        query = f"?limit=2&cursor={body['next_cursor']}"

    assert seen == [each["id"] for each in reversed(made)]
