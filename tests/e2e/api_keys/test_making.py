"""POST /api-keys: what a key is made of, what it gets unasked, and what nobody can ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agentbox.model.access.roles import Role
from tests.e2e.people import ROLES, People
from tests.live import Live

DEFAULTS = {
    "viewer": ["environments:read", "metrics:read", "self:read"],
    "user": ["environments:read", "environments:report", "metrics:read", "self:read"],
    "admin": ["environments:read", "environments:report", "metrics:read", "self:read"],
    "super_admin": ["environments:read", "environments:report", "metrics:read", "self:read"],
}


@pytest.mark.parametrize("role", ROLES)
async def test_a_key_gets_the_default_scopes_and_may_only_look(people: People, role: str) -> None:
    made = await people[role].caller.post("/api-keys", {})

    assert made.status == 201
    assert made.body["scopes"] == DEFAULTS[role]
    assert made.body["all_environments"] == "viewer"
    assert set(made.body) == {
        "id", "key", "key_prefix", "scopes", "all_environments", "created_at",
    }  # fmt: skip


async def test_the_key_is_shown_once(people: People) -> None:
    # AK-01
    made = await people.user.caller.post("/api-keys", {"name": "robot", "description": "builds"})

    assert made.headers["Cache-Control"] == "no-store"
    assert made.headers["Location"] == f"/api/v1/api-keys/{made.body['id']}"
    key = made.body["key"]
    assert re.fullmatch(r"ak_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key)
    assert made.body["key_prefix"] == f"ak_live_{made.body['id']}"
    record = {name: value for name, value in made.body.items() if name != "key"}
    one = await people.user.caller.get(f"/api-keys/{made.body['id']}")
    listed = await people.user.caller.get("/api-keys")
    assert one.body == record
    assert listed.body == {"api_keys": [record], "total": 1}
    assert key not in one.text + listed.text


@pytest.mark.parametrize(
    "scopes", [[], None, "*", ["*"], "all", ["self:*"], ["no:such"], ["SELF:READ"], [""],
               ["self:read", "nope"], {"self:read": True}, [1], [None], ["self:read "],
               ["users:read", "\u0000"], True]
)  # fmt: skip
async def test_scopes_are_named_one_by_one(people: People, scopes: Any) -> None:
    # AK-03
    answer = await people.super_admin.caller.post("/api-keys", {"scopes": scopes})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert (await people.super_admin.caller.get("/api-keys")).body["total"] == 0


async def test_an_unknown_scope_is_named_by_its_place(people: People) -> None:
    body = {"scopes": ["self:read", "no:such"]}

    answer = await people.user.caller.post("/api-keys", body)

    assert answer.body["errors"][0]["pointer"] == "/scopes/1"


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gives_its_own_scopes_and_no_other(
    live: Live, people: People, role: str
) -> None:
    # AK-03
    table = live.runtime.scopes
    given, refused = set(), set()
    for scope in table.rules:
        answer = await people[role].caller.post("/api-keys", {"scopes": [scope]})
        if answer.status == 201:
            given.add(scope)
        else:
            assert (answer.status, answer.error) == (403, "scope_exceeds_own")
            refused.add(scope)

    assert given == table.of_role(Role(role))
    assert given | refused == set(table.rules)


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "x"},
        {"owner": "x"},
        {"owner_id": "x"},
        {"role": "super_admin"},
        {"id": "x"},
        {"key": "ak_live_x"},
        {"key_prefix": "x"},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"revoked_at": None},
        {"last_used": None},
        {"organization_id": "x"},
        {"scope": "self:read"},
    ],
)
async def test_the_owner_and_the_rest_are_never_taken_from_the_body(
    people: People, fields: dict[str, Any]
) -> None:
    # AK-02
    if "user_id" in fields:
        fields = {"user_id": people.viewer.id}

    answer = await people.super_admin.caller.post("/api-keys", fields)

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == "/" + next(iter(fields))


async def test_nobody_makes_a_key_without_a_credential(live: Live, people: People) -> None:
    # AK-02
    answer = await live.anonymous.post("/api-keys", {"user_id": people.user.id})

    assert (answer.status, answer.error) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("name", "n"),
        ("name", "n" * 128),
        ("name", "😀" * 128),
        ("name", "  two  spaces  "),
        ("name", "<b>&amp;'\";--"),
        ("description", "d" * 1024),
        ("description", "Ärger mit Ümläuten — 日本語"),
    ],
)
async def test_texts_are_kept_exactly(people: People, field: str, good: str) -> None:
    made = await people.user.caller.post("/api-keys", {field: good})

    assert made.status == 201
    assert made.body[field] == good
    assert (await people.user.caller.get(f"/api-keys/{made.body['id']}")).body[field] == good


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("name", ""),
        ("name", "n" * 129),
        ("name", "a\nb"),
        ("name", "a\u0000b"),
        ("name", "a\u001b[31m"),
        ("name", "\u007f"),
        ("name", "\u0085"),
        ("name", 7),
        ("name", None),
        ("description", "d" * 1025),
        ("description", "a\u0000b"),
        ("description", []),
    ],
)
async def test_texts_out_of_bounds_are_refused(people: People, field: str, bad: Any) -> None:
    answer = await people.user.caller.post("/api-keys", {field: bad})

    assert (answer.status, answer.error) == (422, "validation_failed")
    assert answer.body["errors"][0]["pointer"] == f"/{field}"


async def test_an_empty_description_is_none(people: People) -> None:
    made = await people.user.caller.post("/api-keys", {"description": ""})

    assert made.status == 201
    assert "description" not in made.body


async def test_names_need_not_differ(people: People) -> None:
    for _ in range(2):
        assert (await people.user.caller.post("/api-keys", {"name": "same"})).status == 201


@pytest.mark.parametrize(
    ("role", "fields", "answer"),
    [
        ("user", {"all_environments": "viewer"}, "viewer"),
        ("user", {"all_environments": "editor"}, "editor"),
        ("user", {"all_environments": "owner"}, "owner"),
        ("user", {"permissions": []}, "none"),
        ("user", {"all_environments": "root"}, "422 validation_failed"),
        ("user", {"all_environments": None}, "422 validation_failed"),
        ("user", {"all_environments": True}, "422 validation_failed"),
        ("user", {"permissions": None}, "422 validation_failed"),
        ("user", {"permissions": {}}, "422 validation_failed"),
        ("user", {"permissions": [{"environment_id": "e"}]}, "422 validation_failed"),
        (
            "user",
            {"permissions": [{"environment_id": "e", "permission": "viewer"}]},
            "404 not_found",
        ),
        ("viewer", {"all_environments": "viewer"}, "viewer"),
        ("viewer", {"all_environments": "editor"}, "422 permission_exceeds_role"),
        ("viewer", {"all_environments": "owner"}, "422 permission_exceeds_role"),
        ("admin", {"permissions": [], "scopes": ["users:read"]}, "422 scope_conflict"),
        ("admin", {"permissions": [], "scopes": ["roles:write"]}, "422 scope_conflict"),
        ("admin", {"permissions": [], "scopes": ["audit:read"]}, "422 scope_conflict"),
        ("admin", {"permissions": [], "scopes": ["system:read"]}, "422 scope_conflict"),
        ("admin", {"scopes": ["users:read"]}, "viewer"),
    ],
)
async def test_what_a_key_may_do_on_environments(
    people: People, role: str, fields: dict[str, Any], answer: str
) -> None:
    made = await people[role].caller.post("/api-keys", fields)

    if made.status == 201:
        assert made.body.get("all_environments", "none") == answer
        assert made.body.get("permissions") == ([] if answer == "none" else None)
    else:
        assert f"{made.status} {made.error}" == answer
