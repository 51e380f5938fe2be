"""A key that makes keys never makes one that is wider than itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import People
from tests.live import Answer, Live, ShiftedClock

MAKER = ["self:read", "metrics:read", "api_keys:read", "api_keys:write"]


async def made_by(live: Live, people: People, body: Any, **maker: Any) -> Answer:
    """What a key of the admin's, made as `maker`, gets when it asks for `body`."""
    key = await people.admin.key(**({"scopes": MAKER} | maker))
    return await live.with_key(key).post("/api-keys", body)


async def test_what_is_left_out_is_inherited(live: Live, people: People) -> None:
    text, maker = await live.make_key(
        people.admin.caller, scopes=MAKER, all_environments="editor", expires_in=7
    )

    made = await live.with_key(text).post("/api-keys", {})

    assert made.status == 201
    assert made.body["scopes"] == ["metrics:read", "self:read"]
    assert made.body["all_environments"] == "editor"
    assert made.body["expires_at"] == maker["expires_at"]


async def test_its_owner_is_the_owner_of_its_maker(live: Live, people: People) -> None:
    # AK-02
    made = await made_by(live, people, {})

    me = (await live.with_key(made.body["key"]).get("/auth/me")).body

    assert me["id"] == people.admin.id


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"scopes": ["self:read"]}, "201"),
        ({"scopes": MAKER}, "201"),
        ({"scopes": ["users:read"]}, "403 scope_exceeds_own"),
        ({"scopes": ["self:read", "self:write"]}, "403 scope_exceeds_own"),
        ({"scopes": ["system:write"]}, "403 scope_exceeds_own"),
        ({"scopes": []}, "422 validation_failed"),
        ({"scopes": None}, "422 validation_failed"),
        ({"scopes": ["*"]}, "422 validation_failed"),
        ({"all_environments": "viewer"}, "201"),
        ({"all_environments": "editor"}, "403 permission_exceeds_own"),
        ({"all_environments": "owner"}, "403 permission_exceeds_own"),
        ({"permissions": []}, "201"),
        ({"expires_in": 365}, "201"),
    ],
)
async def test_asking_a_key_that_does_not_end_and_may_look(
    live: Live, people: People, body: dict[str, Any], answer: str
) -> None:
    # AK-03
    made = await made_by(live, people, body)

    assert f"{made.status} {made.error or ''}".strip() == answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"expires_in": 1}, "201"),
        ({"expires_in": 8}, "422 validation_failed"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "422 validation_failed"),
        ({"all_environments": "viewer"}, "403 permission_exceeds_own"),
        ({"permissions": []}, "201"),
        ({}, "201"),
    ],
)
async def test_asking_a_key_that_ends_and_has_no_environment(
    live: Live, people: People, body: dict[str, Any], answer: str
) -> None:
    # AK-03
    made = await made_by(live, people, body, expires_in=7, permissions=[])

    assert f"{made.status} {made.error or ''}".strip() == answer
    if made.status == 201:
        assert made.body["permissions"] == []


async def test_a_maker_without_default_scopes_has_none_to_pass_on(
    live: Live, people: People
) -> None:
    # AK-03
    made = await made_by(live, people, {}, scopes=["api_keys:write"])

    assert (made.status, made.error) == (403, "scope_exceeds_own")


@pytest.mark.parametrize("scopes", [None, ["api_keys:read"], ["users:write", "roles:write"]])
async def test_a_key_without_the_scope_makes_none(
    live: Live, people: People, scopes: list[str] | None
) -> None:
    # AK-06
    key = await people.admin.key(**({} if scopes is None else {"scopes": scopes}))

    made = await live.with_key(key).post("/api-keys", {"scopes": ["self:read"]})

    assert (made.status, made.error) == (403, "insufficient_scope")


async def test_a_demoted_owner_has_less_to_pass_on(live: Live, people: People) -> None:
    key = await people.other_admin.key(scopes=["users:read", *MAKER])
    await people.first.caller.patch(people.other_admin.path, {"role": "user"})

    made = await live.with_key(key).post("/api-keys", {"scopes": ["users:read"]})

    assert (made.status, made.error) == (403, "scope_exceeds_own")


async def test_a_demoted_owner_passes_on_no_more_than_the_role_may(
    live: Live, people: People
) -> None:
    owner = people.other_user
    key = await owner.key(scopes=MAKER, all_environments="owner")
    await people.first.caller.patch(owner.path, {"role": "viewer"})

    made = await live.with_key(key).post("/api-keys", {})

    assert (made.status, made.body.get("all_environments")) == (201, "viewer")


async def test_a_key_is_no_maker_after_its_end(
    live: Live, people: People, clock: ShiftedClock
) -> None:
    key = await people.admin.key(scopes=MAKER, expires_in=1)
    clock.advance(86_401)

    made = await live.with_key(key).post("/api-keys", {})

    assert (made.status, made.error) == (401, "invalid_token")


async def test_a_key_that_was_made_goes_on_when_its_maker_is_revoked(
    live: Live, people: People
) -> None:
    text, maker = await live.make_key(people.admin.caller, scopes=MAKER)
    made = await live.with_key(text).post("/api-keys", {})

    await people.admin.caller.delete(f"/api-keys/{maker['id']}")

    assert (await live.with_key(made.body["key"]).get("/auth/me")).status == 200
