"""What every answer carries, good or bad, and what none of them does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.people import People, Template
from tests.e2e.wire import send
from tests.live import USER_PASSWORD, Answer, Live, live_server

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = {"object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}


async def sweep(live: Live, people: People) -> dict[str, Answer]:
    """One answer of each kind that there is."""
    user, admin, nobody = people.user.caller, people.admin.caller, live.anonymous
    login = {"username": people.user.username, "password": USER_PASSWORD}
    json_type = {"Content-Type": "application/json"}
    return {
        "login": await nobody.post("/auth/login", login),
        "a refused login": await nobody.post("/auth/login", login | {"password": "x"}),
        "me": await user.get("/auth/me"),
        "a list": await admin.get("/users"),
        "made": await user.post("/api-keys", {}),
        "204": await admin.delete(people.other_viewer.path),
        "no credential": await nobody.get("/auth/me"),
        "a bad credential": await live.with_token("x").get("/auth/me"),
        "two credentials": await user.get("/auth/me", headers={"X-API-Key": "x"}),
        "no right": await user.get("/users"),
        "unknown path": await user.get("/nowhere"),
        "unknown path at the root": await nobody.raw("GET", "/favicon.ico"),
        "unknown user": await admin.get("/users/x"),
        "wrong method": await user.delete("/users"),
        "conflict": await admin.post("/users", {"username": "user.person"}),
        "bad JSON": await user.request("POST", "/api-keys", data=b"{", headers=json_type),
        "bad field": await user.post("/api-keys", {"x": 1}),
        "too large": await user.request("POST", "/api-keys", data=b" " * 70000, headers=json_type),
        "bad type": await user.request("POST", "/api-keys", data=b"x"),
        "foreign host": await user.get("/users", headers={"Host": "evil.example"}),
        "headers too large": await nobody.get("/auth/me", headers={"X": "x" * 20_000}),
        "health": await nobody.get("/healthz"),
        "keys": await nobody.get("/.well-known/jwks.json"),
        "document": await nobody.get("/openapi.json"),
        "page": await nobody.get("/docs"),
        "preflight": await nobody.request(
            "OPTIONS",
            "/users",
            headers={"Origin": "https://x.example", "Access-Control-Request-Method": "GET"},
        ),
    }


@pytest.fixture
async def answers(live: Live, people: People) -> dict[str, Answer]:
    return await sweep(live, people)


async def test_the_sweep_has_all_kinds(answers: dict[str, Answer]) -> None:
    assert {answer.status for answer in answers.values()} == {
        200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 431,
    }  # fmt: skip


async def test_every_answer_has_the_security_headers(answers: dict[str, Answer]) -> None:
    # WB-04
    for name, answer in answers.items():
        assert {header: answer.headers.get(header) for header in ALWAYS} == ALWAYS, name
        policy = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
        assert policy >= POLICY, name
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"], name


async def test_no_answer_names_the_software(answers: dict[str, Answer]) -> None:
    # WB-07
    for name, answer in answers.items():
        assert "Server" not in answer.headers, name
        assert "X-Powered-By" not in answer.headers, name
        if name not in {"document", "page"}:
            text = answer.text.lower()
            words = ("aiohttp", "python", "traceback", "sqlite", "msgspec", "argon2", ".py")
            assert not [word for word in words if word in text], name


async def test_only_what_is_public_may_be_kept(answers: dict[str, Answer]) -> None:
    # WB-04
    for name, answer in answers.items():
        if name not in {"keys", "document", "page"}:
            assert answer.headers["Cache-Control"] == "no-store", name


async def test_every_answer_has_a_request_id(answers: dict[str, Answer]) -> None:
    ids = [answer.headers["X-Request-Id"] for answer in answers.values()]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) for name in ids)


async def test_every_error_is_a_problem(answers: dict[str, Answer]) -> None:
    # WB-07
    for name, answer in answers.items():
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", name
            body = answer.body
            assert body["type"] == f"urn:agentbox:problem:{body['error']}", name
            assert body["status"] == answer.status, name
            assert body["detail"] == body["message"], name
            assert body["request_id"] == answer.headers["X-Request-Id"], name
            expected = {"type", "title", "status", "detail", "error", "message", "request_id"}
            more = {"errors"} if body["error"] in {"validation_failed", "weak_password"} else set()
            assert set(body) == expected | more, name


async def test_no_answer_opens_itself_to_other_origins(answers: dict[str, Answer]) -> None:
    # WB-03
    for name, answer in answers.items():
        assert not [header for header in answer.headers if header.startswith("Access-")], name


async def test_no_answer_sets_a_cookie(answers: dict[str, Answer]) -> None:
    assert not [name for name, answer in answers.items() if "Set-Cookie" in answer.headers]


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
async def test_a_good_request_id_is_kept(live: Live, given: str) -> None:
    answer = await live.anonymous.get("/auth/me", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given
    assert answer.body["request_id"] == given


@pytest.mark.parametrize(
    "given",
    ["", " ", "x" * 65, "a b", "a/b", "a\tb", '"a"', "{}", "<b>", "é", "a;b", "\x1b[31m", "a,b"],
)
async def test_any_other_request_id_is_replaced(live: Live, given: str) -> None:
    # OB-02
    said = await send(
        live, "GET /api/v1/auth/me HTTP/1.1", "Host: localhost", f"X-Request-Id: {given}"
    )

    ours = said.headers["X-Request-Id"]
    assert ours != given
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", ours)


ORIGINS = [
    "https://app.example.com",
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "http://app.example.com",
    "https://app.example.com:444",
    "https://app.example.com/",
    "HTTPS://APP.EXAMPLE.COM",
    "https://app.example.co",
    "null",
    "*",
]
OURS = ORIGINS[0]


@pytest.fixture
async def open_live(template: Template, tmp_path: Path) -> AsyncIterator[Live]:
    """A server that lets the pages of one origin call it."""
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_SERVER__CORS_ORIGINS": OURS}
    async with live_server(tmp_path, environ=environ) as live:
        yield live


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("preflight", [False, True])
async def test_only_the_configured_origin_may_read(
    open_live: Live, origin: str, preflight: bool
) -> None:
    # WB-03
    asked: dict[str, Any] = {"Origin": origin}
    if preflight:
        asked["Access-Control-Request-Method"] = "POST"

    answer = await open_live.anonymous.request(
        "OPTIONS" if preflight else "POST", "/auth/login", headers=asked
    )

    allowed = origin == OURS
    assert answer.headers.get("Access-Control-Allow-Origin") == (OURS if allowed else None)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    assert (answer.status == 204) is (allowed and preflight)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("preflight", [False, True])
async def test_no_origin_may_by_default(live: Live, origin: str, preflight: bool) -> None:
    # WB-03
    asked: dict[str, Any] = {"Origin": origin}
    if preflight:
        asked["Access-Control-Request-Method"] = "POST"

    answer = await live.anonymous.request(
        "OPTIONS" if preflight else "POST", "/auth/login", headers=asked
    )

    assert not [header for header in answer.headers if header.startswith("Access-")]
    assert answer.status in {400, 405}


async def test_a_deployment_on_https_says_so(template: Template, tmp_path: Path) -> None:
    # WB-04
    template.copy_to(tmp_path)
    environ = {"AGENTBOX_PUBLIC_URL": "https://auth.example.com"}
    async with live_server(tmp_path, environ=environ) as live:
        for path in ("/healthz", "/nowhere", "/auth/me"):
            answer = await live.anonymous.get(path)
            assert "max-age=" in answer.headers["Strict-Transport-Security"]


async def test_a_body_of_bytes_that_are_not_http_gets_a_problem_too(live: Live) -> None:
    # WB-07
    said = await send(live, "GET /healthz HTTP/9.9", "Host: localhost", "X y: z")

    assert said.status == 400
    assert json.loads(said.text)["error"] == "invalid_request"
    assert {header: said.headers.get(header) for header in ALWAYS} == ALWAYS
