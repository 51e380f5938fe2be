"""The table of roles: four callers, every verb, four targets, with the expected answers as data.

V, U, A, S are viewer, user, admin, super_admin. A row says what each of four targets answers.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from tests.e2e.people import ROLES, People
from tests.live import USER_PASSWORD, Live

ROLE = "403 insufficient_role"
RANK = "403 insufficient_rank"


class Row(NamedTuple):
    """Expected answers of one verb for one caller, by the role of the target."""

    viewer: str
    user: str
    admin: str
    super_admin: str


def all_four(answer: str) -> Row:
    return Row(answer, answer, answer, answer)


READ = {
    "viewer": all_four(ROLE),
    "user": all_four(ROLE),
    "admin": all_four("200"),
    "super_admin": all_four("200"),
}


def write(good: str) -> dict[str, Row]:
    return {
        "viewer": all_four(ROLE),
        "user": all_four(ROLE),
        "admin": Row(good, good, RANK, RANK),
        "super_admin": all_four(good),
    }


NEW_PASSWORD = "granite-violet-harbour-93"
VERBS: dict[str, tuple[str, Any, dict[str, Row]]] = {
    "read": ("GET", None, READ),
    "rename": ("PATCH", {"username": "renamed"}, write("200")),
    "rename by PUT": ("PUT", {"username": "renamed"}, write("200")),
    "set the address": ("PATCH", {"email": "new@example.com"}, write("200")),
    "disable": ("PATCH", {"status": "inactive"}, write("200")),
    "suspend": ("PUT", {"status": "suspended"}, write("200")),
    "set the password": ("PUT", {"password": NEW_PASSWORD}, write("200")),
    "change nothing": ("PATCH", {}, write("200")),
    "delete": ("DELETE", None, write("204")),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("caller", ROLES)
async def test_acting_on_somebody_else(people: People, caller: str, verb: str) -> None:
    # AZ-03
    method, body, expected = VERBS[verb]
    found = {}
    for target in ROLES:
        somebody = people[f"other_{target}"]
        before = (await people.first.caller.get(somebody.path)).body
        answer = await people[caller].caller.request(
            method, somebody.path, **({} if body is None else {"json": body})
        )
        found[target] = f"{answer.status} {answer.error or ''}".strip()
        if answer.status >= 400:
            assert (await people.first.caller.get(somebody.path)).body == before
        elif "username" in (body or {}) or "email" in (body or {}):
            back = {"username": somebody.username, "email": None}
            await people.first.caller.patch(somebody.path, back)

    assert found == expected[caller]._asdict()


@pytest.mark.parametrize("caller", ["viewer", "user"])
@pytest.mark.parametrize("verb", VERBS)
async def test_who_is_no_admin_does_not_learn_if_somebody_exists(
    people: People, caller: str, verb: str
) -> None:
    # AZ-07
    method, body, _ = VERBS[verb]
    options = {} if body is None else {"json": body}

    answer = await people[caller].caller.request(method, "/users/nobody", **options)

    assert (answer.status, answer.error) == (403, "insufficient_role")


@pytest.mark.parametrize("caller", ["admin", "super_admin"])
@pytest.mark.parametrize("verb", VERBS)
async def test_an_admin_learns_that_somebody_does_not_exist(
    people: People, caller: str, verb: str
) -> None:
    method, body, _ = VERBS[verb]
    options = {} if body is None else {"json": body}

    answer = await people[caller].caller.request(method, "/users/nobody", **options)

    assert (answer.status, answer.error) == (404, "not_found")


MAY_GIVE = {
    "viewer": all_four(ROLE),
    "user": all_four(ROLE),
    "admin": Row("ok", "ok", RANK, RANK),
    "super_admin": all_four("ok"),
}


@pytest.mark.parametrize("caller", ROLES)
async def test_the_role_of_a_new_user(people: People, caller: str) -> None:
    # AZ-02
    found = {}
    for role in ROLES:
        body = {"username": f"new-{role}", "password": USER_PASSWORD, "role": role}
        answer = await people[caller].caller.post("/users", body)
        found[role] = "ok" if answer.status == 201 else f"{answer.status} {answer.error}"

    assert found == MAY_GIVE[caller]._asdict()


@pytest.mark.parametrize("caller", ROLES)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_role_given_to_a_viewer(people: People, caller: str, method: str) -> None:
    # AZ-02
    found = {}
    path = people.other_viewer.path
    for role in ROLES:
        answer = await people[caller].caller.request(method, path, json={"role": role})
        found[role] = "ok" if answer.status == 200 else f"{answer.status} {answer.error}"
        await people.first.caller.patch(path, {"role": "viewer"})

    assert found == MAY_GIVE[caller]._asdict()


@pytest.mark.parametrize("caller", ROLES)
async def test_who_lists_users(people: People, caller: str) -> None:
    answer = await people[caller].caller.get("/users")

    if caller in {"admin", "super_admin"}:
        assert answer.status == 200
        assert answer.body["total"] == len(answer.body["users"]) == 9
    else:
        assert (answer.status, answer.error) == (403, "insufficient_role")


async def test_an_edit_that_is_partly_beyond_the_rank_changes_nothing(people: People) -> None:
    path = people.other_user.path
    before = (await people.admin.caller.get(path)).body

    answer = await people.admin.caller.patch(path, {"username": "renamed", "role": "admin"})

    assert (answer.status, answer.error) == (403, "insufficient_rank")
    assert (await people.admin.caller.get(path)).body == before


async def test_two_super_admins_who_demote_each_other_leave_one(live: Live, people: People) -> None:
    # AZ-05
    first, second, third = people.first, people.super_admin, people.other_super_admin
    await first.caller.patch(third.path, {"role": "user"})
    answers = await asyncio.gather(
        first.caller.patch(second.path, {"role": "user"}),
        second.caller.patch(first.path, {"role": "user"}),
    )

    assert sorted(answer.status for answer in answers) == [200, 403]
    assert {answer.error for answer in answers} == {None, "insufficient_role"}
    winner = (first, second)[answers[0].status != 200]
    left = (await winner.caller.get("/users?role=super_admin")).body
    assert [user["id"] for user in left["users"]] == [winner.id]
