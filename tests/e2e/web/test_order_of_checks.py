"""Of several faults at once, the earlier one in the order of access.md is told.

Framing 400, 404 and 405, 401, password change, role, scope, body, object, rank, conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.backend import database_in
from tests.e2e.people import People
from tests.live import Answer, Caller, Live, live_server

JSON = {"Content-Type": "application/json"}


class Ask(NamedTuple):
    """A request with at least two faults, and the code of the one that is told."""

    caller: str
    method: str
    path: str
    options: Mapping[str, Any]
    expected: str


BROKEN = {"data": b"{", "headers": JSON}
LARGE = {"data": b" " * 70_000, "headers": JSON}
TEXT = {"data": b"x", "headers": {"Content-Type": "text/plain"}}
WRONG = {"json": {"nick": 1}}

ORDER = [
    # a Host that is not ours comes before everything
    Ask("nobody", "GET", "/nowhere", {"headers": {"Host": "evil.example"}}, "400 invalid_request"),
    Ask("nobody", "GET", "/users", {"headers": {"Host": "evil.example"}}, "400 invalid_request"),
    # path and method before the credential
    Ask("nobody", "GET", "/nowhere", {}, "404 not_found"),
    Ask("stranger", "GET", "/nowhere", {}, "404 not_found"),
    Ask("admin", "GET", "/nowhere", {}, "404 not_found"),
    Ask("key", "GET", "/nowhere", {}, "404 not_found"),
    Ask("nobody", "DELETE", "/users", {}, "405 method_not_allowed"),
    Ask("stranger", "PATCH", "/auth/me", BROKEN, "405 method_not_allowed"),
    Ask("admin", "POST", "/users/x", BROKEN, "405 method_not_allowed"),
    # two credentials and a bad one before rights
    Ask("two", "POST", "/users", BROKEN, "400 invalid_request"),
    Ask("nobody", "POST", "/users", BROKEN, "401 unauthorized"),
    Ask("nobody", "POST", "/users", LARGE, "401 unauthorized"),
    Ask("nobody", "POST", "/users", TEXT, "401 unauthorized"),
    Ask("nobody", "GET", "/users?limit=x", {}, "401 unauthorized"),
    Ask("nobody", "GET", "/users?x=1&x=2", {}, "401 unauthorized"),
    Ask("stranger", "PATCH", "/users/x", WRONG, "401 invalid_token"),
    # the role before the body, the query and the object
    Ask("user", "POST", "/users", BROKEN, "403 insufficient_role"),
    Ask("user", "POST", "/users", LARGE, "403 insufficient_role"),
    Ask("user", "POST", "/users", TEXT, "403 insufficient_role"),
    Ask("user", "GET", "/users?limit=x", {}, "403 insufficient_role"),
    Ask("user", "PATCH", "/users/x", WRONG, "403 insufficient_role"),
    Ask("user", "DELETE", "/users/x", {}, "403 insufficient_role"),
    # the role before the scope, the scope before the body
    Ask("user_key", "POST", "/users", BROKEN, "403 insufficient_role"),
    Ask("key", "POST", "/users", BROKEN, "403 insufficient_scope"),
    Ask("key", "GET", "/users?limit=x&limit=y", {}, "403 insufficient_scope"),
    Ask("key", "PATCH", "/users/x", WRONG, "403 insufficient_scope"),
    Ask("key", "GET", "/api-keys/x", {}, "403 insufficient_scope"),
    Ask("key", "POST", "/auth/change-password", BROKEN, "403 session_required"),
    # the body before the object: size, media type, syntax, shape
    Ask("admin", "PATCH", "/users/x", LARGE, "413 payload_too_large"),
    Ask("admin", "PATCH", "/users/x", TEXT, "415 unsupported_media_type"),
    Ask("admin", "PATCH", "/users/x", BROKEN, "400 malformed_body"),
    Ask("admin", "PATCH", "/users/x", WRONG, "422 validation_failed"),
    Ask("admin", "PATCH", "/users/x", {"json": {"username": "-"}}, "422 validation_failed"),
    Ask("admin", "PATCH", "/users/{first}", WRONG, "422 validation_failed"),
    Ask("user", "POST", "/users/bulk", BROKEN, "403 insufficient_role"),
    Ask("key", "POST", "/users/bulk", BROKEN, "403 insufficient_scope"),
    Ask("admin", "POST", "/users/bulk", BROKEN, "400 malformed_body"),
    Ask("key", "POST", "/users/x/reset-password", {}, "403 insufficient_scope"),
    Ask("writer", "POST", "/users/x/reset-password", {}, "403 insufficient_scope"),
    Ask("writer", "DELETE", "/users/x/sessions", {}, "403 insufficient_scope"),
    Ask("key", "GET", "/auth/sessions?limit=x", {}, "403 session_required"),
    Ask("admin", "GET", "/users/x/sessions?limit=x", {}, "422 validation_failed"),
    Ask("admin", "GET", "/users/x/sessions?cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "GET", "/users/{first}/sessions?cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "GET", "/users/x/permissions?cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "GET", "/users/x/environments?cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "GET", "/environments/x/permissions?cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "GET", "/api-keys?user_id={first}&cursor=x", {}, "400 invalid_cursor"),
    Ask("admin", "POST", "/users/x/disable", {}, "404 not_found"),
    # a scope that the body asks for, before the object
    Ask("writer", "PATCH", "/users/x", {"json": {"role": "admin"}}, "403 insufficient_scope"),
    Ask("writer", "PUT", "/users/x", {"json": {"password": "x"}}, "403 insufficient_scope"),
    # the object before the rank, the rank before the conflict
    Ask("admin", "PATCH", "/users/x", {"json": {"role": "super_admin"}}, "404 not_found"),
    Ask("admin", "PATCH", "/users/{first}", {"json": {"username": "user.person"}},
        "403 insufficient_rank"),
    Ask("admin", "POST", "/users", {"json": {"username": "user.person", "role": "admin"}},
        "403 insufficient_rank"),
    Ask("admin", "POST", "/users", {"json": {"username": "user.person"}}, "409 conflict"),
    Ask("admin", "PATCH", "/users/{self}", {"json": {"username": "user.person"}},
        "409 self_forbidden"),
]  # fmt: skip


async def callers(live: Live, people: People) -> dict[str, Caller]:
    writer = await people.super_admin.key(scopes=["users:write"])
    return {
        "nobody": live.anonymous,
        "stranger": live.with_token("stale"),
        "user": people.user.caller,
        "admin": people.admin.caller,
        "key": live.with_key(await people.super_admin.key()),
        "user_key": live.with_key(await people.user.key()),
        "writer": live.with_key(writer),
    }


def said(answer: Answer) -> str:
    return f"{answer.status} {answer.error}"


async def test_the_earlier_fault_is_told(live: Live, people: People) -> None:
    everyone = await callers(live, people)
    both = dict(people.admin.caller.headers) | {"X-API-Key": "x"}
    everyone["two"] = Caller(live.anonymous._session, both)
    found, expected = {}, {}
    for number, ask in enumerate(ORDER):
        path = ask.path.replace("{first}", people.first.id).replace("{self}", people.admin.id)
        answer = await everyone[ask.caller].request(ask.method, path, **ask.options)
        name = f"{number}: {ask.caller} {ask.method} {ask.path}"
        found[name], expected[name] = said(answer), ask.expected

    assert found == expected


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/auth/login", {"POST"}),
        ("/auth/me", {"GET", "HEAD"}),
        ("/users", {"GET", "HEAD", "POST"}),
        ("/users/x", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("/api-keys/x", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("/api-keys/x/rotate", {"POST"}),
        ("/api-keys/x/usage", {"GET", "HEAD"}),
        ("/api-keys/self/revoke", {"POST"}),
        ("/healthz", {"GET", "HEAD"}),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "DELETE", "POST", "PATCH"])
async def test_another_method_is_405_and_says_which(
    live: Live, path: str, allowed: set[str], method: str
) -> None:
    # WB-07
    if method in allowed:
        return

    answer = await live.anonymous.request(method, path)

    assert said(answer) == "405 method_not_allowed"
    if method != "TRACE":
        assert set(answer.headers["Allow"].split(",")) == allowed


async def test_a_restricted_session_is_told_that_before_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with live_server(tmp_path, environ={"AGENTBOX_ADMIN_PASSWORD": None}) as live:
        password = database_in(tmp_path).initial_password.read_text().strip()
        restricted = await live.sign_in("admin", password)
        asks = [
            await restricted.post("/users", {"nick": 1}),
            await restricted.request("PATCH", "/users/x", **BROKEN),
            await restricted.get("/api-keys/x"),
            await restricted.get("/users?limit=x"),
        ]
        assert {said(answer) for answer in asks} == {"403 password_change_required"}
        assert said(await restricted.get("/nowhere")) == "404 not_found"
        assert said(await restricted.delete("/users")) == "405 method_not_allowed"
        assert said(await live.anonymous.get("/users")) == "401 unauthorized"


async def test_no_refusal_of_rights_tells_whether_an_id_exists(live: Live, people: People) -> None:
    # AZ-07
    key = live.with_key(await people.super_admin.key())
    same = {"X-Request-Id": "same"}
    for caller in (people.viewer.caller, people.user.caller, key, live.anonymous):
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            options = {"json": {"username": "x"}} if method.startswith("P") else {}
            known, unknown = [
                await caller.request(method, path, headers=same, **options)
                for path in (people.other_user.path, "/users/" + "0" * len(people.other_user.id))
            ]
            assert known.status in {401, 403}
            assert (known.status, known.text) == (unknown.status, unknown.text)
