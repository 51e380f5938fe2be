"""Every route but a fixed few wants a credential, and no other spelling of a path opens it."""

from __future__ import annotations

import re

import pytest

from agentbox.web.app import served_routes
from agentbox.web.routes import route_table
from tests.e2e.people import People
from tests.e2e.wire import send
from tests.live import Live

PUBLIC = {
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/login/continue",
    "POST /api/v1/auth/refresh",
    "GET /healthz",
    "GET /readyz",
    "GET /api/v1/health",
    "GET /.well-known/jwks.json",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{file}",
    # A sign-in elsewhere, before anybody is anybody.
    "GET /api/v1/auth/providers",
    "GET /api/v1/auth/{provider}/url",
    "GET /api/v1/auth/{provider}/login",
    "GET /api/v1/auth/{provider}/callback",
    "POST /api/v1/auth/{provider}/callback",
    "POST /api/v1/auth/exchange",
}
"""What anybody may call. Whoever adds a line here has thought about it."""

CLOSED = ["/api/v1/users", "/api/v1/auth/me", "/api/v1/api-keys", "/api/v1/users/x"]


async def test_the_public_routes_are_these_and_no_other(live: Live) -> None:
    # AZ-01
    public = {
        f"{route.method} {route.path}"
        for route in served_routes(live.runtime, route_table(live.runtime))
        if route.access.kind == "public"
    }

    assert public == PUBLIC


async def test_every_other_route_is_401_without_a_credential(live: Live) -> None:
    # AZ-01
    found = {}
    for route in served_routes(live.runtime, route_table(live.runtime)):
        if route.access.kind != "public":
            path = re.sub(r"{\w+}", "x", route.path)
            answer = await live.anonymous.raw(route.method, path)
            found[f"{route.method} {route.path}"] = (answer.status, answer.error)

    assert len(found) >= 13
    assert set(found.values()) == {(401, "unauthorized")}


async def test_head_asks_for_what_get_asks_for(live: Live, people: People) -> None:
    # AZ-01
    for path in CLOSED:
        assert (await live.anonymous.raw("HEAD", path)).status == 401
    assert (await people.user.caller.raw("HEAD", "/api/v1/users")).status == 403
    assert (await people.admin.caller.raw("HEAD", "/api/v1/users")).status == 200


def spellings(path: str) -> list[str]:
    """Other ways to write `path`, each of which some server has taken for it."""
    folder, _, last = path.rpartition("/")
    return [
        f"/{path}", path.replace("/v1", "//v1"), f"{folder}//{last}", f"{path}/", f"{path}//",
        f"{folder}/./{last}", f"{path}/.", f"/.{path}", f"{folder}/x/../{last}", f"/x/..{path}",
        f"/healthz/..{path}", f"/healthz/%2e%2e{path}", f"/docs/..{path}", f"/docs/%2e%2e{path}",
        f"{folder}/%2e/{last}", f"{folder}/%2E%2E/v1/{last}", f"{folder}%2f{last}",
        f"{folder}%5c{last}", f"{folder}\\{last}", f"{path};x=1", f"{folder};x/{last}", f"{path};",
        f"{path}%3b", f"{path}%00", f"{path}%20", f"{path}%09", f"{path}.json", f"{path}.",
        path.upper(), path.title(), path.replace("api", "API"), path.replace("v1", "V1"),
        path.replace("/v1/", "/v2/"), path.replace("/api/v1", ""), f"{path}%23", f"{path}%3fx",
        path.replace("a", "%61"), path.replace("u", "%75"), path.replace("s", "%ef%bd%93"),
        path.replace("a", "%2561"), path.replace("/", "%2f"), f"/x{path}", f"{path}/healthz",
        f"{path}/.well-known/jwks.json", f"/api/v1/auth/login/..{path}", f"{path}/../../../healthz",
    ]  # fmt: skip


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_no_spelling_of_a_closed_path_opens_it(live: Live, path: str, method: str) -> None:
    # AZ-01
    opened = {}
    for spelling in spellings(path):
        said = await send(live, f"{method} {spelling} HTTP/1.1", "Host: localhost")
        if said.status not in {400, 401, 404, 405}:
            opened[spelling] = said.status

    healthy = {s for s in opened if s.endswith("/../../../healthz")}
    assert set(opened) - healthy == set()


async def test_a_spelling_opens_nothing_to_who_may_not(live: Live, people: People) -> None:
    # AZ-01
    token = f"Authorization: Bearer {people.user.token}"
    opened = {}
    for spelling in spellings("/api/v1/users"):
        said = await send(live, f"GET {spelling} HTTP/1.1", "Host: localhost", token)
        if said.status not in {400, 403, 404, 405}:
            opened[spelling] = said.status

    assert not {spelling for spelling in opened if not spelling.endswith("/healthz")}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "GET"},
        {"X-Original-URL": "/healthz"},
        {"X-Rewrite-URL": "/healthz"},
        {"X-Forwarded-Prefix": "/healthz"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Remote-User": "admin"},
        {"Remote-User": "admin"},
        {"X-Auth-Role": "super_admin"},
        {"X-User-Id": "admin"},
        {"Forwarded": "for=127.0.0.1;host=localhost"},
    ],
    ids=str,
)
async def test_no_header_opens_a_closed_path(live: Live, headers: dict[str, str]) -> None:
    # AZ-01
    answer = await live.anonymous.get("/users", headers=headers)

    assert (answer.status, answer.error) == (401, "unauthorized")


SET_UP = ["/setup", "/install", "/register", "/auth/register", "/auth/signup", "/auth/reset",
          "/auth/forgot-password", "/users/first", "/bootstrap", "/init", "/admin", "/debug",
          "/metrics", "/system/config"]  # fmt: skip


@pytest.mark.parametrize("path", SET_UP)
async def test_nothing_sets_anything_up_over_the_network(live: Live, path: str) -> None:
    # OP-02
    for method in ("GET", "POST", "PUT"):
        answer = await live.anonymous.request(method, path, json={"username": "x"})
        assert answer.status in {401, 404, 405}
