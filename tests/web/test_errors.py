"""Errors: one table, one body, the same headers everywhere, and nothing given away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import structlog.testing

from agentbox import errors
from agentbox.errors import FieldFault, Problem
from agentbox.web.errors import STATUS, problem_body, status_of
from tests.web.live import Live, RawAnswer, serving

# access.md: the closed list of codes by status.
CODES = {
    400: {"invalid_request", "malformed_body", "invalid_cursor"},
    401: {"unauthorized", "invalid_token", "invalid_credentials", "invalid_grant"},
    403: {
        *("insufficient_scope", "insufficient_role", "insufficient_rank", "scope_exceeds_own"),
        *(
            "permission_exceeds_own",
            "insufficient_permission",
            "session_required",
            "invalid_password",
            "login_incomplete",
        ),
        *("password_change_required", "insufficient_user_authentication"),
    },
    404: {"not_found"},
    405: {"method_not_allowed"},
    409: {"conflict", "last_super_admin", "last_owner", "self_forbidden"},
    413: {"payload_too_large"},
    415: {"unsupported_media_type"},
    422: {"validation_failed", "weak_password", "scope_conflict", "permission_exceeds_role"},
    429: {"rate_limited"},
    431: {"headers_too_large"},
    500: {"internal"},
    503: {"unavailable", "authenticator_unavailable", "overloaded"},
    507: {"storage_full"},
}

SWEEP = [
    ("GET", "/public", 200),
    ("HEAD", "/public", 200),
    ("DELETE", "/items/a", 204),
    ("GET", "/query?a=1&a=2", 400),
    ("GET", "/any", 401),
    ("GET", "/nowhere", 404),
    ("HEAD", "/nowhere", 404),
    ("PUT", "/public", 405),
    ("OPTIONS", "/public", 405),
    ("TRACE", "/public", 405),
    ("CONNECT", "localhost:80", 405),
    ("OPTIONS", "*", 404),
    ("GET", "/conflict", 409),
    ("POST", "/items", 400),
    ("GET", "/query?limit=x", 422),
    ("GET", "/fail", 500),
    ("GET", "/splitting", 500),
    ("GET", "/broken", 503),
    ("GET", "/full", 507),
]


def classes() -> Iterator[type[Problem]]:
    for name in vars(errors).values():
        if isinstance(name, type) and issubclass(name, Problem) and name is not Problem:
            yield name


def test_every_problem_has_its_status_and_no_other_has() -> None:  # WB-07
    by_status: dict[int, set[str]] = {}
    for kind in classes():
        by_status.setdefault(STATUS[kind], set()).add(kind.code)

    assert by_status == CODES


def test_a_plugins_own_problem_has_the_status_of_its_parent() -> None:
    class TooManyCats(errors.Conflict):
        code, title = "too_many_cats", "There are too many cats"

    assert status_of(TooManyCats) == 409


def test_a_members_name_can_not_replace_one_of_ours() -> None:
    problem = errors.Conflict("Taken.", members={"status": 200, "flow": "f"})

    body = problem_body(problem, "r1")

    assert (body["status"], body["flow"]) == (409, "f")


def test_the_body_has_all_members_of_rfc_9457_and_ours() -> None:
    problem = errors.ValidationFailed("Wrong.", errors=[FieldFault("/a", "No.")])

    assert problem_body(problem, "r1") == {
        "type": "urn:agentbox:problem:validation_failed",
        "title": "The request has faults",
        "status": 422,
        "detail": "Wrong.",
        "error": "validation_failed",
        "message": "Wrong.",
        "request_id": "r1",
        "errors": [{"pointer": "/a", "detail": "No."}],
    }


@pytest.mark.parametrize(("method", "path", "status"), SWEEP)
async def test_every_answer_carries_the_security_headers(  # WB-04
    live: Live, method: str, path: str, status: int
) -> None:
    answer = await live.ask(method, path)

    assert answer.status == status
    assert_headers(answer)


def assert_headers(answer: RawAnswer) -> None:
    policy = answer.headers["content-security-policy"]
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert f"{directive} 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])
    assert "server" not in answer.headers  # WB-07
    assert "strict-transport-security" not in answer.headers


async def test_https_deployments_send_hsts() -> None:  # WB-04
    async with serving(public_url="https://auth.example.com") as live:
        fine = await live.ask("GET", "/public")
        broken = await live.send(b"GET\r\n\r\n", close=True)

    for answer in (fine, *broken):
        assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(("method", "path", "status"), [row for row in SWEEP if row[2] >= 400])
async def test_every_error_is_problem_json(  # WB-07
    live: Live, method: str, path: str, status: int
) -> None:
    answer = await live.ask(method, path)

    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        assert answer.json["status"] == status
        assert answer.json["type"] == f"urn:agentbox:problem:{answer.json['error']}"
        assert answer.json["message"] == answer.json["detail"]
        assert answer.json["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/fail", "/broken", "/full", "/splitting"])
async def test_a_defect_gives_nothing_away(live: Live, path: str) -> None:  # WB-07
    answer = await live.ask("GET", path)

    assert answer.status >= 500
    for leak in (b"canary", b"SELECT", b"users_pkey", b"/var/lib", b"Traceback", b".py", b"Set-C"):
        assert leak not in answer.body
    assert "set-cookie" not in answer.headers


async def test_a_defect_is_logged_with_class_and_stack_but_not_its_message(live: Live) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await live.ask("GET", "/fail")

    [line] = lines
    assert (line["event"], line["exception"]) == ("request_failed", "RuntimeError")
    assert line["request_id"] == answer.json["request_id"]
    assert "in fail" in line["stack"]
    assert "in-a-message SELECT" not in repr({k: v for k, v in line.items() if k != "stack"})


async def test_a_storage_error_is_logged_with_its_detail(live: Live) -> None:
    with structlog.testing.capture_logs() as lines:
        await live.ask("GET", "/full")

    assert [(line["event"], line["detail"]) for line in lines] == [
        ("storage_failed", "no space left on /var/lib")
    ]


async def test_405_names_the_methods_that_are_allowed(live: Live) -> None:
    answer = await live.ask("PUT", "/items/a")

    assert sorted(answer.headers["allow"].split(",")) == ["DELETE", "GET", "HEAD"]


async def test_a_routes_own_headers_override_the_usual_ones(live: Live) -> None:
    answer = await live.ask("GET", "/cached")

    assert answer.headers["cache-control"] == "public"
    assert answer.headers["content-type"] == "a/b"


@pytest.mark.parametrize("offered", ["a", "req-1.2_3", "x" * 64])
async def test_a_safe_request_id_is_kept(live: Live, offered: str) -> None:  # OB-02
    answer = await live.ask("GET", "/public", headers=[("X-Request-Id", offered)])

    assert answer.headers["x-request-id"] == answer.json["request_id"] == offered


@pytest.mark.parametrize("offered", ["", "x" * 65, "a b", 'a"}', "é", "a/b", "a\tb", "\udcff"])
async def test_any_other_request_id_is_replaced(live: Live, offered: str) -> None:  # OB-02
    answer = await live.ask("GET", "/public", headers=[("X-Request-Id", offered)])

    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/public", "/nowhere"])
async def test_an_unknown_expectation_never_leaves_our_form(live: Live, path: str) -> None:
    answer = await live.ask("GET", path, headers=[("Expect", "tea")])

    assert answer.status in {200, 400}
    assert_headers(answer)
