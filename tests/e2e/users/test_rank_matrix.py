"""The table of roles: four callers, every verb, four targets, with the expected answers as data.

V, U, A, S are viewer, user, admin, super_admin. A row says what each of four targets answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.e2e.people import ROLES, People
from tests.live import USER_PASSWORD, Answer, Caller, Live

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
    "enable": ("POST /enable", None, write("200")),
    "switch off": ("POST /disable", None, write("200")),
    "reset the password": ("POST /reset-password", None, write("201")),
    "unlock": ("POST /unlock", None, write("200")),
    "read the sessions": ("GET /sessions", None, write("200")),
    "end the sessions": ("DELETE /sessions", None, write("204")),
    "delete": ("DELETE", None, write("204")),
}


async def ask(caller: Caller, verb: str, path: str) -> Answer:
    """Do it to the user at `path`."""
    method, body, _ = VERBS[verb]
    method, _, action = method.partition(" ")
    options = {} if body is None else {"json": body}
    return await caller.request(method, path + action, **options)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("caller", ROLES)
async def test_acting_on_somebody_else(people: People, caller: str, verb: str) -> None:
    # AZ-03
    _, body, expected = VERBS[verb]
    found = {}
    for target in ROLES:
        somebody = people[f"other_{target}"]
        before = (await people.first.caller.get(somebody.path)).body
        answer = await ask(people[caller].caller, verb, somebody.path)
        found[target] = f"{answer.status} {answer.error or ''}".strip()
        if answer.status >= 400:
            assert (await people.first.caller.get(somebody.path)).body == before
            assert (await somebody.caller.get("/auth/me")).status == 200
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
    answer = await ask(people[caller].caller, verb, "/users/nobody")

    assert (answer.status, answer.error) == (403, "insufficient_role")


@pytest.mark.parametrize("caller", ["admin", "super_admin"])
@pytest.mark.parametrize("verb", VERBS)
async def test_an_admin_learns_that_somebody_does_not_exist(
    people: People, caller: str, verb: str
) -> None:
    answer = await ask(people[caller].caller, verb, "/users/nobody")

    assert (answer.status, answer.error) == (404, "not_found")


MAY_GIVE = {
    "viewer": all_four(ROLE),
    "user": all_four(ROLE),
    "admin": Row("ok", "ok", RANK, RANK),
    "super_admin": all_four("ok"),
}


async def by(live: Live, people: People, caller: str, credential: str) -> Caller:
    """Calls of that person, by a session or by a key with all that makes and changes users."""
    if credential == "session":
        return people[caller].caller
    scopes = ["users:read", "users:write", "users:credentials", "roles:write"]
    return live.with_key(await people[caller].key(scopes=scopes))


BY = [*((role, "session") for role in ROLES), ("admin", "key"), ("super_admin", "key")]


@pytest.mark.parametrize(("caller", "credential"), BY)
async def test_the_role_of_a_new_user(
    live: Live, people: People, caller: str, credential: str
) -> None:
    # AZ-02
    actor = await by(live, people, caller, credential)
    found = {}
    for role in ROLES:
        body = {"username": f"new-{role}", "password": USER_PASSWORD, "role": role}
        answer = await actor.post("/users", body)
        found[role] = "ok" if answer.status == 201 else f"{answer.status} {answer.error}"

    assert found == MAY_GIVE[caller]._asdict()


@pytest.mark.parametrize(("caller", "credential"), BY)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_role_given_to_a_viewer(
    live: Live, people: People, caller: str, credential: str, method: str
) -> None:
    # AZ-02
    actor = await by(live, people, caller, credential)
    found = {}
    path = people.other_viewer.path
    for role in ROLES:
        answer = await actor.request(method, path, json={"role": role})
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
