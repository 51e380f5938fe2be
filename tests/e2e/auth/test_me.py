"""GET /auth/me: who one is, by a session and by a key in either header."""

from __future__ import annotations

import pytest

from agentbox.model.access.roles import Role
from tests.e2e.people import ROLES, People
from tests.live import Live

ALWAYS = {"id", "username", "role", "status", "created_at", "updated_at", "last_login", "auth"}


@pytest.mark.parametrize("role", ROLES)
async def test_a_session_is_recognised_with_all_scopes_of_the_role(
    people: People, live: Live, role: str
) -> None:
    answer = await people[role].caller.get("/auth/me")

    assert answer.status == 200
    assert set(answer.body) == ALWAYS
    assert answer.body["role"] == role
    assert answer.body["auth"]["method"] == "session"
    assert set(answer.body["auth"]) == {
        "method", "scopes", "restrictions", "session_id", "expires_at", "auth_time",
    }  # fmt: skip
    assert set(answer.body["auth"]["scopes"]) == live.runtime.scopes.of_role(Role(role))
    assert answer.body["auth"]["restrictions"] == []


async def test_a_key_is_recognised_in_either_header(people: People, live: Live) -> None:
    text, record = await live.make_key(people.user.caller)

    by_bearer = await live.with_token(text).get("/auth/me")
    by_key = await live.with_key(text).get("/auth/me")

    assert by_bearer.status == by_key.status == 200
    assert by_bearer.body == by_key.body
    assert by_key.body["id"] == people.user.id
    assert by_key.body["auth"] == {
        "method": "api_key",
        "api_key_id": record["id"],
        "restrictions": [],
        "scopes": ["environments:read", "environments:report", "metrics:read", "self:read"],
        "all_environments": "viewer",
    }


async def test_a_key_for_no_environment_says_so(people: People, live: Live) -> None:
    text = await people.user.key(permissions=[])

    auth = (await live.with_key(text).get("/auth/me")).body["auth"]

    assert auth["environments"] == []
    assert "all_environments" not in auth


async def test_a_scheme_in_any_case_is_bearer(people: People, live: Live) -> None:
    for scheme in ("bearer", "BEARER", "BeArEr"):
        headers = {"Authorization": f"{scheme} {people.user.token}"}
        assert (await live.anonymous.get("/auth/me", headers=headers)).status == 200
