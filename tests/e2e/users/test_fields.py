"""What a user is made of and what of it can be changed: every other field is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import USER_PASSWORD, Live

UNKNOWN: dict[str, Any] = {
    "id": "x",
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "last_login": "2020-01-01T00:00:00Z",
    "email_verified": True,
    "password_change_required": False,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x",
    "organization_id": "other",
    "is_admin": True,
    "scopes": ["users:write"],
    "permissions": [],
    "auth": {},
    "user_id": "x",
    "__proto__": {},
    "Role": "super_admin",
    "": "",
}

MISTYPED: list[tuple[str, Any]] = [
    ("username", 1),
    ("username", None),
    ("username", ["a"]),
    ("username", {"$ne": ""}),
    ("email", 1),
    ("email", True),
    ("email", ["a@example.com"]),
    ("role", "root"),
    ("role", "SUPER_ADMIN"),
    ("role", None),
    ("role", 3),
    ("role", ["super_admin"]),
    ("role", ""),
    ("status", "deleted"),
    ("status", None),
    ("status", True),
    ("status", ""),
]


def pointers(body: Any) -> list[str]:
    return [fault["pointer"] for fault in body["errors"]]


@pytest.mark.parametrize("field", UNKNOWN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_an_unknown_or_read_only_field_is_refused(
    people: People, method: str, field: str
) -> None:
    # AZ-04
    path = "/users" if method == "POST" else people.other_user.path
    body = {field: UNKNOWN[field]} | ({"username": "ada"} if method == "POST" else {})

    answer = await people.first.caller.request(method, path, json=body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert pointers(answer.body) == [f"/{field}"]


@pytest.mark.parametrize("field", UNKNOWN)
async def test_nobody_changes_such_a_field_of_their_own(people: People, field: str) -> None:
    # AZ-04
    answer = await people.user.caller.patch(people.user.path, {field: UNKNOWN[field]})

    assert (answer.status, answer.error) == (422, "validation_failed")


@pytest.mark.parametrize("field", [*UNKNOWN, "status", "role", "username", "password"])
async def test_a_bulk_takes_ids_and_an_action_alone(people: People, field: str) -> None:
    # AZ-04
    body = {"ids": [people.other_user.id], "action": "disable", field: UNKNOWN.get(field, "x")}

    answer = await people.first.caller.post("/users/bulk", body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert pointers(answer.body) == [f"/{field}"]
    assert (await people.other_user.caller.get("/auth/me")).status == 200


@pytest.mark.parametrize(("field", "value"), MISTYPED)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_types_are_strict(people: People, method: str, field: str, value: Any) -> None:
    # IV-06
    path = "/users" if method == "POST" else people.other_user.path
    body = ({"username": "ada"} if method == "POST" else {}) | {field: value}

    answer = await people.first.caller.request(method, path, json=body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert pointers(answer.body) == [f"/{field}"]


async def test_all_faults_are_told_at_once(people: People) -> None:
    body = {"username": 1, "role": "root", "nick": "x", "email": 2}

    answer = await people.first.caller.post("/users", body)

    assert sorted(pointers(answer.body)) == ["/email", "/nick", "/role", "/username"]


async def test_a_user_needs_a_name_alone(people: People) -> None:
    answer = await people.first.caller.post("/users", {"username": "Ada"})

    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/users/{answer.body['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.body) == {"id", "username", "role", "status", "created_at", "updated_at"}
    assert (answer.body["username"], answer.body["role"]) == ("Ada", "user")
    assert answer.body["status"] == "active"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer.body["created_at"])
    assert (await people.first.caller.get(f"/users/{answer.body['id']}")).body == answer.body


async def test_patch_takes_no_password(live: Live, people: People) -> None:
    # PW-10
    body = {"password": "granite-violet-harbour-93"}

    answer = await people.first.caller.patch(people.other_user.path, body)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert pointers(answer.body) == ["/password"]
    await live.sign_in(people.other_user.username, USER_PASSWORD)


async def test_a_password_by_put_ends_the_sessions_and_needs_no_change(
    live: Live, people: People
) -> None:
    # PW-10
    somebody = people.other_user
    key = live.with_key(await somebody.key())
    body = {"password": "granite-violet-harbour-93"}

    assert (await people.admin.caller.put(somebody.path, body)).status == 200

    assert (await somebody.caller.get("/auth/me")).status == 401
    assert (await key.get("/auth/me")).status == 200
    caller = await live.sign_in(somebody.username, body["password"])
    assert "password_change_required" not in (await caller.get("/auth/me")).body


@pytest.mark.parametrize(
    "password",
    ["", "short", "passwordpassword", "agentboxagentbox", "ada.lovelace.ada", "x" * 1025],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_weak_password_is_refused(people: People, method: str, password: str) -> None:
    # PW-04
    path = "/users" if method == "POST" else people.other_user.path
    body = {"username": "ada.lovelace", "password": password}

    answer = await people.first.caller.request(method, path, json=body)

    assert (answer.status, answer.error) == (422, "weak_password")
    assert set(pointers(answer.body)) == {"/password"}
    assert (await people.first.caller.get("/users?search=ada.lovelace")).body["total"] == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_only_the_fields_that_are_sent_change(people: People, method: str) -> None:
    caller, path = people.first.caller, people.other_user.path
    full = {"username": "Grace", "email": "grace@example.com", "status": "suspended"}
    assert (await caller.request(method, path, json=full)).status == 200

    answer = await caller.request(method, path, json={"status": "active"})

    assert {name: answer.body[name] for name in full} == full | {"status": "active"}
    assert answer.body["role"] == "user"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("same", [False, True])
async def test_nothing_new_is_no_change(people: People, method: str, same: bool) -> None:
    somebody = people.other_user
    before = (await people.first.caller.get(somebody.path)).body
    body = {"username": somebody.username, "role": "user", "status": "active"} if same else {}

    answer = await people.first.caller.request(method, somebody.path, json=body)

    assert (answer.status, answer.body) == (200, before)


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
async def test_a_body_is_an_object(people: People, body: Any) -> None:
    answer = await people.first.caller.request("PATCH", people.other_user.path, json=body)

    assert answer.status == (400 if body is None else 422)


async def test_an_id_in_the_body_does_not_count(people: People) -> None:
    # AZ-06
    body = {"id": people.other_admin.id, "username": "renamed"}

    answer = await people.first.caller.patch(people.other_user.path, body)

    assert answer.status == 422
    there = (await people.first.caller.get(people.other_admin.path)).body
    assert there["username"] == people.other_admin.username


USERS_WRITE = ["users:read", "users:write"]


@pytest.mark.parametrize(
    ("method", "body", "scope"),
    [
        ("POST", {"username": "ada", "role": "viewer"}, "roles:write"),
        ("POST", {"username": "ada", "role": "admin"}, "roles:write"),
        ("POST", {"username": "ada", "password": "x"}, "users:credentials"),
        ("PATCH", {"role": "viewer"}, "roles:write"),
        ("PUT", {"role": "super_admin"}, "roles:write"),
        ("PUT", {"password": "granite-violet-harbour-93"}, "users:credentials"),
    ],
)
async def test_a_key_needs_a_scope_for_roles_and_for_passwords(
    live: Live, people: People, method: str, body: dict[str, Any], scope: str
) -> None:
    # AK-06
    key = live.with_key(await people.super_admin.key(scopes=USERS_WRITE))
    path = "/users" if method == "POST" else people.other_user.path

    answer = await key.request(method, path, json=body)

    assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


async def test_a_key_without_them_makes_and_edits_users(live: Live, people: People) -> None:
    key = live.with_key(await people.super_admin.key(scopes=USERS_WRITE))

    made = await key.post("/users", {"username": "ada", "role": "user"})

    assert made.status == 201
    path = f"/users/{made.body['id']}"
    assert (await key.patch(path, {"status": "inactive"})).status == 200
    assert (await key.delete(path)).status == 204
