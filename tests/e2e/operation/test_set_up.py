"""There is no way to set a server up over the network, whatever is lost in its database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentbox.web.app import served_routes
from agentbox.web.routes import route_table
from tests.backend import database_in
from tests.e2e.people import Template
from tests.e2e.web.test_closed_by_default import SET_UP
from tests.live import ADMIN_PASSWORD, Live, live_server

BODIES = (
    {},
    {"username": "root", "password": ADMIN_PASSWORD},
    {"username": "admin", "email": "admin@example.com", "password": ADMIN_PASSWORD},
)

LOSSES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "all users": ("DELETE FROM sessions", "DELETE FROM grants", "DELETE FROM users"),
    "all admins": ("UPDATE users SET role = 'user' WHERE role LIKE '%admin'",),
    "all passwords": ("DELETE FROM passwords",),
}


def users_of(folder: Path) -> list[tuple[str, str]]:
    return database_in(folder).run("SELECT username, role FROM users ORDER BY username")


async def sweep(live: Live) -> set[int]:
    """Every route and every usual name of one, by nobody."""
    routes = [
        (route.method, re.sub(r"{\w+}", "x", route.path))
        for route in served_routes(live.runtime, route_table(live.runtime))
        if route.access.kind != "public" or "/auth/" in route.path
        if not route.path.endswith("/auth/providers")  # a list for login pages
    ]
    routes += [(method, f"/api/v1{path}") for path in SET_UP for method in ("POST", "PUT")]
    return {
        (await live.anonymous.raw(method, path, json=body)).status
        for method, path in routes
        for body in BODIES
    }


@pytest.mark.parametrize("loss", LOSSES)
async def test_nothing_makes_an_admin_over_the_network(
    template: Template, tmp_path: Path, loss: str
) -> None:
    # OP-02: on a ready database, on one without users, and on one without admins.
    template.copy_to(tmp_path)
    for statement in LOSSES[loss]:
        database_in(tmp_path).run(statement)
    before = users_of(tmp_path)

    async with live_server(tmp_path) as live:
        assert users_of(tmp_path) == before  # the second start makes nobody either
        statuses = await sweep(live)

    assert statuses <= {401, 404, 405, 415, 422}
    assert users_of(tmp_path) == before
    assert not database_in(tmp_path).initial_password.exists()


async def test_what_tells_of_the_server_is_closed_where_others_reach_it(
    template: Template, tmp_path: Path
) -> None:
    # OB-05: metrics, documents, debugging, and what plugins bring.
    template.copy_to(tmp_path)
    public = {"AGENTBOX_PUBLIC_URL": "https://auth.example.com"}
    async with live_server(tmp_path, environ=public) as live:
        for path in ("/metrics", "/docs", "/docs/docs.js", "/openapi.json", "/debug", "/debug/vars",
                     "/debug/pprof", "/_debug", "/status", "/info", "/version", "/env", "/.env",
                     "/.git/HEAD", "/api/v1/metrics", "/api/v1/system/config", "/api/v1/x/hello",
                     "/api/v1/system/stats", "/api/v1/audit", "/"):  # fmt: skip
            for method in ("GET", "POST"):
                answer = await live.anonymous.raw(method, path)
                assert answer.status in {401, 404, 405}, (method, path, answer.text)
        for path in ("/healthz", "/readyz", "/api/v1/health"):
            answer = await live.anonymous.get(path)
            assert answer.text in {'{"status":"ok"}', '{"status":"ready"}'}
