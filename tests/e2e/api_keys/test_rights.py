"""What a key may do: what it was given, and what its owner may do now, whichever is less."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agentbox.web.routes import core_routes
from tests.e2e.environments.sandbox import register
from tests.e2e.people import READ_ONLY, People
from tests.live import USER_PASSWORD, Live

BODIES: dict[str, Any] = {
    "POST /api/v1/users": {"username": "made-by-key"},
    "PUT /api/v1/users/{user_id}": {"username": "renamed"},
    "PATCH /api/v1/users/{user_id}": {"username": "renamed"},
    "POST /api/v1/api-keys": {},
    "PATCH /api/v1/api-keys/{key_id}": {"name": "renamed"},
    "POST /api/v1/api-keys/{key_id}/rotate": {},
    "POST /api/v1/environments/{environment_id}/report": {},
    "POST /api/v1/auth/change-password": {
        "current_password": USER_PASSWORD,
        "new_password": "granite-violet-harbour-93",
    },
}


FOR_ANY_KEY = {"POST /api/v1/api-keys/self/revoke", "POST /api/v1/authorize"}
"""What a key needs no scope for: to give itself up, and to ask what it may."""


async def answers_of_changing_routes(
    live: Live, people: People, key: str
) -> dict[str, tuple[int, str | None]]:
    """What every route that changes something answers to `key`, for things that exist."""
    _, record = await live.make_key(people.super_admin.caller)
    environment = await register(people.super_admin)
    found = {}
    for route in core_routes(live.runtime):
        name = f"{route.method} {route.path}"
        if route.method in {"GET", "HEAD"} or route.access.kind == "public":
            continue
        if name in FOR_ANY_KEY:
            continue
        path = route.path.replace("{user_id}", people.other_user.id)
        path = path.replace("{key_id}", record["id"])
        path = path.replace("{environment_id}", environment["id"])
        path = re.sub(r"\{\w+\}", "x", path)
        options = {"json": BODIES[name]} if name in BODIES else {}
        answer = await live.with_key(key).request(route.method, path, **options)
        found[name] = (answer.status, answer.error)
    return found


@pytest.mark.parametrize("scopes", [READ_ONLY, None], ids=["read-only", "default"])
async def test_such_a_key_of_a_super_admin_changes_nothing(
    live: Live, people: People, scopes: list[str] | None
) -> None:
    # AK-04
    fields = {} if scopes is None else {"scopes": scopes}
    key = await people.super_admin.key(**fields)

    found = await answers_of_changing_routes(live, people, key)

    assert len(found) >= 9
    assert {status for status, _ in found.values()} == {403}
    refused = {error for _, error in found.values()}
    # A default key may report, where it has more than the permission viewer.
    assert refused - {"insufficient_permission"} == {"insufficient_scope", "session_required"}


async def test_a_default_key_reads_its_owner_alone(live: Live, people: People) -> None:
    # AK-06
    key = live.with_key(await people.super_admin.key())

    for path in ("/users", people.other_user.path, "/api-keys", "/api-keys/x"):
        answer = await key.get(path)
        assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert (await key.get(people.super_admin.path)).status == 200


async def test_a_missing_scope_is_named(live: Live, people: People) -> None:
    # JWT-14
    key = live.with_key(await people.super_admin.key())

    answer = await key.get("/users")

    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="agentbox", error="insufficient_scope", scope="users:read"'
    )


async def test_a_demotion_narrows_a_key_at_once_and_a_promotion_gives_back(
    live: Live, people: People
) -> None:
    # AK-04
    owner = people.other_admin
    key = live.with_key(await owner.key(scopes=["self:read", "users:read"]))
    assert (await key.get("/users")).status == 200

    await people.first.caller.patch(owner.path, {"role": "user"})
    demoted = await key.get("/users")
    me = (await key.get("/auth/me")).body
    await people.first.caller.patch(owner.path, {"role": "admin"})

    assert (demoted.status, demoted.error) == (403, "insufficient_role")
    assert me["auth"]["scopes"] == ["self:read"]
    assert (await key.get("/users")).status == 200


async def test_the_record_keeps_the_scopes_as_given(live: Live, people: People) -> None:
    owner = people.other_admin
    _, record = await live.make_key(owner.caller, scopes=["users:read"])

    await people.first.caller.patch(owner.path, {"role": "viewer"})

    assert (await owner.caller.get(f"/api-keys/{record['id']}")).body["scopes"] == ["users:read"]


async def test_a_key_ends_with_the_status_of_its_owner_and_comes_back(
    live: Live, people: People
) -> None:
    # AK-05
    key = live.with_key(await people.other_user.key())
    path = people.other_user.path
    for status in ("inactive", "suspended"):
        await people.admin.caller.patch(path, {"status": status})
        answer = await key.get("/auth/me")
        assert (answer.status, answer.error) == (401, "invalid_token")

        await people.admin.caller.patch(path, {"status": "active"})
        assert (await key.get("/auth/me")).status == 200
        assert (await people.other_user.caller.get("/auth/me")).status == 401


async def test_a_revoked_key_ends_with_the_next_request(live: Live, people: People) -> None:
    # AK-05
    text, record = await live.make_key(people.user.caller)
    key = live.with_key(text)
    assert (await key.get("/auth/me")).status == 200

    revoked = await people.user.caller.delete(f"/api-keys/{record['id']}")

    assert (revoked.status, revoked.text) == (204, "")
    answer = await key.get("/auth/me")
    assert (answer.status, answer.error) == (401, "invalid_token")


async def test_use_does_not_bring_a_revoked_key_back(live: Live, people: People) -> None:
    # AK-05
    text, record = await live.make_key(people.user.caller)
    await live.with_key(text).get("/auth/me")
    await people.user.caller.delete(f"/api-keys/{record['id']}")

    await live.runtime.last_used.flush()

    there = (await people.user.caller.get(f"/api-keys/{record['id']}")).body
    assert "revoked_at" in there
    assert (await live.with_key(text).get("/auth/me")).status == 401


async def test_a_second_revocation_changes_nothing(live: Live, people: People) -> None:
    _, record = await live.make_key(people.user.caller)
    path = f"/api-keys/{record['id']}"
    await people.user.caller.delete(path)
    first = (await people.user.caller.get(path)).body

    again = await people.user.caller.delete(path)

    assert again.status == 204
    assert (await people.user.caller.get(path)).body == first


async def test_when_a_key_was_last_used_is_shown(live: Live, people: People) -> None:
    text, record = await live.make_key(people.user.caller)
    path = f"/api-keys/{record['id']}"
    assert "last_used" not in (await people.user.caller.get(path)).body

    await live.with_key(text).get("/auth/me")
    await live.runtime.last_used.flush()

    assert (await people.user.caller.get(path)).body["last_used"].endswith("Z")
