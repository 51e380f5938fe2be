"""The document of the route table, and the page that draws it without a network."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct
from openapi_spec_validator import validate

from agentbox.errors import Conflict, PluginError
from agentbox.model.access.roles import Role
from agentbox.model.access.route import ANY, PUBLIC, SESSION, Access, scoped
from agentbox.model.secret import Secret
from agentbox.plugin.routes import Route
from agentbox.web.openapi import document
from tests.web.live import Live, serving
from tests.web.stub import Handlers, row


class SecretBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A body with a secret."""

    password: Secret
    label: Annotated[str, Meta(max_length=5, description="What it is called")] = ""


@pytest.fixture
async def documented() -> AsyncIterator[Live]:
    """A server whose documents are on."""
    async with serving(docs=True, routes=[plugin_route()]) as live:
        yield live


def plugin_route() -> Route:
    return row(
        "POST",
        "/api/v1/x/example/things/{thing_id}",
        Handlers().echo,
        scoped("example:write", self_scope="self:write"),
        body=SecretBody,
        status=201,
        errors=(Conflict,),
        tag="example",
    )


async def test_the_document_is_valid_openapi_3_1(documented: Live) -> None:
    answer = await documented.ask("GET", "/openapi.json")

    assert answer.json["openapi"].startswith("3.1")
    validate(answer.json)


async def test_it_lists_every_route_once_and_not_itself(documented: Live) -> None:
    paths = (await documented.ask("GET", "/openapi.json")).json["paths"]

    shown = {(method.upper(), path) for path, item in paths.items() for method in item}
    rows = [*documented.handlers.routes(), plugin_route()]
    assert shown == {(route.method, route.path) for route in rows}


async def test_operation_ids_are_unique(documented: Live) -> None:
    paths = (await documented.ask("GET", "/openapi.json")).json["paths"]

    ids = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_two_paths_that_spell_alike_get_two_operation_ids() -> None:
    echo = Handlers().echo
    paths = document([row("GET", "/a-b", echo, PUBLIC), row("GET", "/a.b", echo, PUBLIC)])["paths"]

    assert [item["get"]["operationId"] for item in paths.values()] == ["get_a_b", "get_a_b_2"]


def test_a_plugins_route_says_what_it_takes_and_gives() -> None:
    operation = operation_of(plugin_route())

    assert operation["security"] == [{"bearer": ["example:write"]}, {"apiKey": ["example:write"]}]
    assert [p["name"] for p in operation["parameters"]] == ["thing_id"]
    assert set(operation["responses"]) >= {"201", "400", "401", "403", "404", "409", "415", "422"}
    assert "`conflict`" in operation["responses"]["409"]["description"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/SecretBody"}


def test_a_secret_is_a_password_in_the_schema() -> None:
    schemas = document([plugin_route()])["components"]["schemas"]

    assert schemas["SecretBody"]["properties"]["password"]["format"] == "password"
    assert schemas["SecretBody"]["additionalProperties"] is False


def test_a_query_becomes_parameters_and_not_a_schema_of_its_own() -> None:
    routes = {route.path: route for route in Handlers().routes()}
    described = document([routes["/query"]])

    parameters = described["paths"]["/query"]["get"]["parameters"]
    assert {p["name"]: p["in"] for p in parameters} == dict.fromkeys(
        ("limit", "on", "search"), "query"
    )
    assert parameters[0]["schema"]["maximum"] == 1000
    assert "Page" not in described["components"]["schemas"]


def test_a_route_says_the_media_type_of_its_answer() -> None:
    route = row("GET", "/a", Handlers().echo, PUBLIC, content_type="application/x+json")

    assert list(operation_of(route)["responses"]["200"]["content"]) == ["application/x+json"]


def test_a_public_route_asks_for_nothing() -> None:
    operation = operation_of(row("GET", "/a", Handlers().echo, PUBLIC))

    assert operation["security"] == []
    assert {"401", "429"} & set(operation["responses"]) == set()


def test_every_other_route_may_be_asked_too_often() -> None:
    operation = operation_of(row("GET", "/a", Handlers().echo, ANY))

    assert "`rate_limited`" in operation["responses"]["429"]["description"]


def test_a_sessions_route_takes_no_api_key_header() -> None:
    operation = operation_of(row("GET", "/a", Handlers().echo, SESSION))

    assert operation["security"] == [{"bearer": []}]
    assert "`session_required`" in operation["responses"]["403"]["description"]


def test_role_and_freshness_are_told() -> None:
    access = Access(kind="session", min_role=Role.ADMIN, fresh=True)
    operation = operation_of(row("GET", "/a", Handlers().echo, access))

    assert "Role admin or above" in operation["description"]
    assert "`insufficient_user_authentication`" in operation["responses"]["403"]["description"]


def test_a_type_without_a_schema_stops_the_start() -> None:
    class Strange(Struct):
        value: complex

    with pytest.raises(PluginError, match="without a JSON Schema"):
        document([row("POST", "/a", Handlers().echo, PUBLIC, body=Strange)])


def operation_of(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = document([route])["paths"][route.path][route.method.lower()]
    return operation


# --- the page -----------------------------------------------------------------------------------


class Links(HTMLParser):
    """Addresses that a page loads, and whatever stands inline."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href"}:
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)
        if tag == "style":
            self.inline.append(tag)


async def test_the_page_loads_everything_from_here(documented: Live) -> None:
    page = await documented.ask("GET", "/docs")
    links = Links()
    links.feed(page.body.decode())

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert links.inline == []
    assert len(links.links) == 3
    for link in links.links:
        part = await documented.ask("GET", f"/{link}")
        assert (part.status, part.headers["x-content-type-options"]) == (200, "nosniff")
        kinds = {"js": "text/javascript", "css": "text/css"}
        assert part.headers["content-type"].startswith(kinds[link.rpartition(".")[2]])


async def test_the_page_has_a_strict_policy(documented: Live) -> None:  # WB-04
    policy = (await documented.ask("GET", "/docs")).headers["content-security-policy"]

    assert "unsafe" not in policy
    assert re.search(r"script-src 'self';", policy)
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert f"{directive} 'none'" in policy


@pytest.mark.parametrize(
    "name",
    ["nope.js", "docs.html", "__init__.py", "LICENSE.swagger-ui", "..%2fapp.py", "../app.py"],
)
async def test_no_other_file_is_served(documented: Live, name: str) -> None:
    assert (await documented.ask("GET", f"/docs/{name}")).status == 404


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/docs.js"])
async def test_documents_that_are_off_are_not_there(live: Live, path: str) -> None:  # OB-05
    assert (await live.ask("GET", path)).status == 404
