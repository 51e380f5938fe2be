"""A stranger's plugin: built, installed with plain pip beside agentbox's wheel, used over HTTP."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from tests.thirdparty.conftest import PASSWORD, Server


def test_a_ticket_is_recognised(server: Server) -> None:
    answer = server.call("GET", "/api/v1/auth/me", server.ticket())

    assert (answer.status, answer.body["id"]) == (200, server.user_id)


def test_a_ticket_of_somebody_elses_making_is_401(server: Server) -> None:
    answer = server.call("GET", "/api/v1/auth/me", server.ticket(secret="x" * 32))

    assert (answer.status, answer.body["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_ticket_that_ran_out_is_401(server: Server) -> None:
    old = server.ticket(lasts=timedelta(seconds=-5))

    assert server.call("GET", "/api/v1/auth/me", old).status == 401


def test_a_ticket_for_a_user_that_is_not_there_is_401(server: Server) -> None:  # PL-04
    stranger = server._replace(user_id="nobody").ticket()

    assert server.call("GET", "/api/v1/auth/me", stranger).status == 401


def test_a_ticket_opens_no_more_than_its_authenticator_says(server: Server) -> None:
    answer = server.call("GET", "/api/v1/users", server.ticket())

    assert (answer.status, answer.body["scope"]) == (403, "users:read")


def test_a_ticket_is_no_session(server: Server) -> None:
    body = {"current_password": PASSWORD, "new_password": "harbor-violet-summit-39"}
    answer = server.call("POST", "/api/v1/auth/change-password", server.ticket(), body)

    assert (answer.status, answer.body["error"]) == (403, "session_required")


def test_the_route_answers_with_the_configured_greeting(server: Server) -> None:
    answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())

    assert (answer.status, answer.body["message"]) == (200, "Good day, admin!")


def test_the_route_wants_a_credential(server: Server) -> None:
    assert server.call("GET", "/api/v1/x/example/hello").status == 401


@pytest.mark.parametrize(
    ("scopes", "status"), [(["self:read"], 403), (["self:read", "example:greet"], 200)]
)
def test_the_route_wants_its_scope(server: Server, scopes: list[str], status: int) -> None:
    made = server.call("POST", "/api/v1/api-keys", server.token, {"scopes": scopes})
    assert made.status == 201, made

    answer = server.call("GET", "/api/v1/x/example/hello", made.body["key"])

    assert answer.status == status
    assert answer.body.get("scope") == (None if status == 200 else "example:greet")


def test_a_route_that_asks_for_a_permission_is_called_for_those_who_have_it(
    server: Server,
) -> None:
    environment = server.call("POST", "/api/v1/environments", server.token, {"name": "box"})
    path = f"/api/v1/x/example/hello/{environment.body['id']}"
    keys = {
        level: server.call(
            "POST",
            "/api/v1/api-keys",
            server.token,
            {"scopes": ["example:greet"], "all_environments": level},
        ).body["key"]
        for level in ("viewer", "editor")
    }

    let_in = server.call("GET", path, keys["editor"])
    kept_out = server.call("GET", path, keys["viewer"])
    nowhere = server.call("GET", "/api/v1/x/example/hello/nowhere", keys["editor"])

    assert let_in.body["message"] == f"Good day, come in to {environment.body['id']}!"
    assert (kept_out.status, kept_out.body["error"]) == (403, "insufficient_permission")
    assert (nowhere.status, nowhere.body["error"]) == (404, "not_found")


def test_the_scope_is_no_default_of_a_key(server: Server) -> None:
    made = server.call("POST", "/api/v1/api-keys", server.token, {"name": "plain"})

    assert "example:greet" not in made.body["scopes"]


def test_the_job_runs(server: Server) -> None:
    deadline = time.monotonic() + 20
    answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())
    while "open_since" not in answer.body and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = server.call("GET", "/api/v1/x/example/hello", server.ticket())

    assert datetime.fromisoformat(answer.body["open_since"]).tzinfo is not None


def test_the_api_document_has_the_route(server: Server) -> None:
    document = server.call("GET", "/openapi.json").body

    assert document["paths"]["/api/v1/x/example/hello"]["get"]["summary"] == "Be greeted by name"
