"""What every answer has to look like, whoever asked for what."""

from __future__ import annotations

from collections.abc import Iterator

from tests.e2e.matrix.row import Row
from tests.live import Answer

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")
GIVEN_AWAY = ("aiohttp", "python", "traceback", "sqlite", "msgspec", "argon2", ".py", "select ")
PROBLEM = {"type", "title", "status", "detail", "error", "message", "request_id"}
MORE = {
    "validation_failed": {"errors"},
    "insufficient_scope": {"scope"},
    "scope_exceeds_own": {"scopes"},
    "insufficient_permission": {"permission"},
}
CHALLENGE = 'Bearer realm="agentbox"'
KEPT = ("/.well-known/jwks.json", "/openapi.json", "/docs", "/docs/{file}")
"""Public, and the same for everybody: these may be kept."""


def flaws(row: Row, answer: Answer, *, sent: bool) -> Iterator[str]:
    """What is wrong with it; `sent` says that a credential was."""
    headers = answer.headers
    for name, value in ALWAYS.items():
        if headers.get(name) != value:
            yield f"{name} is {headers.get(name)}"
    policy = headers.get("Content-Security-Policy", "")
    if "unsafe-inline" in policy or any(part not in policy for part in POLICY):
        yield f"the policy is {policy}"
    if row.path not in KEPT and headers.get("Cache-Control") != "no-store":
        yield "it may be kept"
    if "Server" in headers or any(name.startswith("Access-Control") for name in headers):
        yield "it says too much"
    if answer.status >= 400:
        yield from _flaws_of_a_problem(answer)
        yield from _flaws_of_a_challenge(row, answer, sent)


def _flaws_of_a_problem(answer: Answer) -> Iterator[str]:
    body, code = answer.body, answer.error
    if answer.headers["Content-Type"] != "application/problem+json":
        yield "it is no problem+json"
    elif set(body) != PROBLEM | MORE.get(str(code), set()):
        yield f"it has {sorted(body)}"
    elif (body["type"], body["status"]) != (f"urn:agentbox:problem:{code}", answer.status):
        yield f"it is {body['type']} with {body['status']}"
    elif (body["message"], body["request_id"]) != (body["detail"], answer.headers["X-Request-Id"]):
        yield "its members disagree"
    if any(word in answer.text.lower() for word in GIVEN_AWAY):
        yield f"it gives something away: {answer.text}"


def _flaws_of_a_challenge(row: Row, answer: Answer, sent: bool) -> Iterator[str]:
    """RFC 6750 section 3: an error is named where a credential was looked at."""
    expected = None
    if answer.status == 401:
        looked_at = sent and row.kind != "public"
        expected = CHALLENGE + (', error="invalid_token"' if looked_at else "")
    if answer.error == "insufficient_scope":
        expected = f'{CHALLENGE}, error="insufficient_scope", scope="{answer.body["scope"]}"'
    if answer.headers.get("WWW-Authenticate") != expected:
        yield f"the challenge is {answer.headers.get('WWW-Authenticate')}"
