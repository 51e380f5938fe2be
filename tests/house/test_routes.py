"""The route table: every row says who may call it, what goes in and what comes out."""

from __future__ import annotations

import re

from msgspec import Struct

from agentbox.model.access.route import Access
from agentbox.model.access.scopes import SCOPES
from agentbox.plugin.routes import Route
from agentbox.web.errors import STATUS
from tests.house.routes_page import table

PUBLIC_ROUTES = {
    "GET /api/v1/auth/providers",
    "GET /api/v1/auth/{provider}/url",
    "GET /api/v1/auth/{provider}/login",
    "GET /api/v1/auth/{provider}/callback",
    "POST /api/v1/auth/{provider}/callback",
    "POST /api/v1/auth/exchange",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/login/continue",
    "POST /api/v1/auth/refresh",
    "GET /api/v1/health",
    "GET /healthz",
    "GET /readyz",
    "GET /.well-known/jwks.json",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{file}",
}
"""All that anybody may call without a credential, on loopback."""

PROBES = {"GET /healthz", "GET /readyz", "GET /api/v1/health"}


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def those(condition: object) -> set[str]:
    """The labels of the rows for which `condition` holds."""
    assert callable(condition)
    return {label(route) for route in table() if condition(route)}


def test_every_route_states_its_access() -> None:
    assert those(lambda r: not isinstance(r.access, Access)) == set()


def test_the_routes_that_anybody_may_call_are_these() -> None:  # OP-02
    assert those(lambda r: r.access.kind == "public") == PUBLIC_ROUTES


def test_only_probes_answer_to_any_host() -> None:
    assert those(lambda r: r.probe) == PROBES


def test_no_public_route_asks_anything_of_its_caller() -> None:
    def asks(route: Route) -> bool:
        return route.access != Access(kind="public")

    assert those(lambda r: r.access.kind == "public" and asks(r)) == set()


def test_every_route_says_what_it_is_for() -> None:
    assert those(lambda r: not r.summary.strip() or r.summary.endswith(".")) == set()


def test_every_route_says_what_it_answers() -> None:
    def silent(route: Route) -> bool:
        documents = route.path in {"/openapi.json", "/docs", "/docs/{file}"}
        return route.response is None and route.status not in {204, 302} and not documents

    assert those(silent) == set()


def test_every_body_and_query_is_a_struct_with_types() -> None:
    for route in table():
        for shape in (route.body, route.query, route.response):
            assert shape is None or issubclass(shape, Struct), label(route)


def test_every_scope_that_a_route_asks_for_is_one_of_the_closed_list() -> None:
    asked = {scope for r in table() for scope in (r.access.scope, r.access.self_scope) if scope}

    assert asked - set(SCOPES) == set()


def test_every_problem_that_a_route_names_has_a_status() -> None:
    assert {kind.__name__ for r in table() for kind in r.errors} - {k.__name__ for k in STATUS} == (
        set()
    )


def test_no_two_routes_are_one() -> None:
    shapes = [(route.method, re.sub(r"\{[^}]*\}", "{}", route.path)) for route in table()]

    assert len(shapes) == len(set(shapes))


def test_get_takes_no_body() -> None:
    assert those(lambda r: r.method == "GET" and r.body is not None) == set()
