"""An answer that the document does not tell of is found, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from agentbox.errors import Conflict
from agentbox.model.access.route import PUBLIC
from agentbox.plugin.routes import Handler, Route, RouteRequest, RouteResponse
from tests.e2e.contract.exchange import Exchange, sent
from tests.e2e.contract.operations import Operations
from tests.e2e.people import Template
from tests.live import live_server

PATH = "/api/v1/x/test/things"


class ThingIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """A body."""

    size: int


class ThingOut(Struct, kw_only=True):
    """An answer."""

    size: Annotated[int, Meta(ge=0)]


async def honest(request: RouteRequest[Any, Any]) -> ThingOut:
    return ThingOut(size=1)


async def out_of_bounds(request: RouteRequest[Any, Any]) -> ThingOut:
    return ThingOut(size=-1)


async def without_a_member(request: RouteRequest[Any, Any]) -> RouteResponse:
    return RouteResponse(body=b"{}")


async def another_status(request: RouteRequest[Any, Any]) -> RouteResponse:
    return RouteResponse(body=ThingOut(size=1), status=202)


async def another_media_type(request: RouteRequest[Any, Any]) -> RouteResponse:
    return RouteResponse(body=ThingOut(size=1), content_type="text/plain")


async def unnamed_problem(request: RouteRequest[Any, Any]) -> ThingOut:
    raise Conflict


async def broken(request: RouteRequest[Any, Any]) -> ThingOut:
    raise RuntimeError


async def faults(
    handler: Handler,
    template: Template,
    folder: Path,
    *,
    edit: Callable[[Any], None] = lambda document: None,
    **more: Any,
) -> list[str]:
    """What is found in the answers of one more route; `edit` changes the document before."""
    route = Route(
        method="POST",
        path=PATH,
        access=PUBLIC,
        handler=handler,
        summary="A route of the tests",
        response=ThingOut,
        **more,
    )
    template.copy_to(folder)
    async with live_server(folder, routes=[route]) as live:
        document = (await live.anonymous.get("/openapi.json")).body
        edit(document)
        operations = Operations(document)
        cases = operations.cases(f"POST {PATH}")
        exchanges = [Exchange(case, await sent(case, live.anonymous, live)) for case in cases]
    return [fault for exchange in exchanges if (fault := exchange.fault()) is not None]


async def test_an_honest_route_has_no_fault(template: Template, tmp_path: Path) -> None:
    assert await faults(honest, template, tmp_path, body=ThingIn) == []


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (out_of_bounds, "less than the minimum of 0"),
        (without_a_member, '"size" is a required property'),
        (another_status, "Undocumented status code"),
        (another_media_type, "Undocumented Content-Type"),
        (unnamed_problem, "Undocumented status code"),
        (broken, "Server error"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_every_answer_of_another_kind_is_found(
    handler: Handler, sentence: str, template: Template, tmp_path: Path
) -> None:
    found = await faults(handler, template, tmp_path)

    assert found
    assert {fault for fault in found if sentence not in fault} == set()


async def test_a_request_that_breaks_the_schema_and_is_served_is_found(
    template: Template, tmp_path: Path
) -> None:
    def smaller(document: Any) -> None:
        document["components"]["schemas"]["ThingIn"]["properties"]["size"]["maximum"] = 3

    found = await faults(honest, template, tmp_path, edit=smaller, body=ThingIn)

    assert found
    assert {fault for fault in found if "Schema-violating request accepted" not in fault} == set()
