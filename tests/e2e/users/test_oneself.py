"""What one may do to one's own record: read it, and change its address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import ROLES, People
from tests.live import USER_PASSWORD, Live

LOW = ("viewer", "user")
HIGH = ("admin", "super_admin")


@pytest.mark.parametrize("role", ROLES)
async def test_one_reads_oneself(people: People, role: str) -> None:
    answer = await people[role].caller.get(people[role].path)

    assert answer.status == 200
    assert answer.body["id"] == people[role].id


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_one_changes_and_removes_ones_own_address(
    people: People, role: str, method: str
) -> None:
    person = people[role]

    caller = await person.anew()

    given = await caller.request(method, person.path, json={"email": "Me@Example.com"})
    removed = await caller.request(method, person.path, json={"email": None})

    assert (given.status, given.body["email"]) == (200, "me@example.com")
    assert removed.status == 200
    assert "email" not in removed.body


CHANGES: list[dict[str, Any]] = [
    {"username": "somebody-else"},
    {"role": "viewer"},
    {"role": "admin"},
    {"role": "super_admin"},
    {"status": "inactive"},
    {"status": "suspended"},
    {"email": "me@example.com", "role": "super_admin"},
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("change", CHANGES, ids=str)
async def test_nothing_else_of_oneself_changes(
    people: People, role: str, method: str, change: dict[str, Any]
) -> None:
    # AZ-04
    person = people[role]
    if change.get("role") == role:
        return
    before = (await person.caller.get(person.path)).body

    answer = await person.caller.request(method, person.path, json=change)

    expected = (403, "insufficient_role") if role in LOW else (409, "self_forbidden")
    assert (answer.status, answer.error) == expected
    assert (await person.caller.get(person.path)).body == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_unchanged_record_sent_back_is_no_change(
    people: People, role: str, method: str
) -> None:
    person = people[role]
    before = (await person.caller.get(person.path)).body
    same = {"username": person.username, "role": role, "status": "active", "email": None}

    answer = await person.caller.request(method, person.path, json=same)

    assert (answer.status, answer.body) == (200, before)


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_sets_their_own_password_by_put(live: Live, people: People, role: str) -> None:
    # PW-10
    person = people[role]

    answer = await person.caller.put(person.path, {"password": "granite-violet-harbour-93"})

    assert (answer.status, answer.error) == (409, "self_forbidden")
    await live.sign_in(person.username, USER_PASSWORD)


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_deletes_themselves(people: People, role: str) -> None:
    person = people[role]

    answer = await person.caller.delete(person.path)

    expected = (403, "insufficient_role") if role in LOW else (409, "self_forbidden")
    assert (answer.status, answer.error) == expected
    assert (await person.caller.get("/auth/me")).status == 200


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("POST", "enable"),
        ("POST", "disable"),
        ("POST", "reset-password"),
        ("POST", "unlock"),
        ("DELETE", "sessions"),
    ],
)
async def test_nobody_does_to_themselves_what_is_for_others(
    live: Live, people: People, role: str, method: str, action: str
) -> None:
    # AZ-03
    person = people[role]

    answer = await person.caller.request(method, f"{person.path}/{action}")

    expected = (403, "insufficient_role") if role in LOW else (409, "self_forbidden")
    assert (answer.status, answer.error) == expected
    assert (await person.caller.get("/auth/me")).status == 200
    await live.sign_in(person.username, USER_PASSWORD)


@pytest.mark.parametrize("role", ROLES)
async def test_ones_own_sessions_by_id_are_for_admins(people: People, role: str) -> None:
    person = people[role]

    answer = await person.caller.get(f"{person.path}/sessions")

    assert answer.status == (403 if role in LOW else 200)


@pytest.mark.parametrize("role", HIGH)
async def test_the_last_super_admin_stays_whoever_asks(people: People, role: str) -> None:
    # AZ-05
    for other in (people.super_admin, people.other_super_admin):
        assert (await people.first.caller.delete(other.path)).status == 204
    caller = people.first.caller if role == "super_admin" else people.admin.caller

    for method, body in (
        ("DELETE", None),
        ("PATCH", {"role": "user"}),
        ("PATCH", {"status": "inactive"}),
    ):
        options = {} if body is None else {"json": body}
        answer = await caller.request(method, people.first.path, **options)
        assert answer.error == ("self_forbidden" if role == "super_admin" else "insufficient_rank")

    assert (await people.first.caller.get("/users?role=super_admin")).body["total"] == 1


async def test_a_key_with_self_scopes_does_the_same_and_no_more(live: Live, people: People) -> None:
    text = await people.user.key(scopes=["self:read", "self:write"])
    key = live.with_key(text)

    assert (await key.get(people.user.path)).status == 200
    assert (await key.patch(people.user.path, {"email": "k@example.com"})).status == 200
    assert (await key.patch(people.user.path, {"username": "x"})).error == "insufficient_role"
    assert (await key.get(people.other_user.path)).error == "insufficient_role"


async def test_a_default_key_reads_its_owner_and_changes_nothing(
    live: Live, people: People
) -> None:
    key = live.with_key(await people.user.key())

    assert (await key.get(people.user.path)).status == 200
    answer = await key.patch(people.user.path, {"email": "k@example.com"})
    assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert 'error="insufficient_scope", scope="self:write"' in answer.headers["WWW-Authenticate"]
