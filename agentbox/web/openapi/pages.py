"""`/openapi.json` and `/docs`: rows of the route table, left out of the document they show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

from agentbox.errors import NotFound
from agentbox.model.access.route import PUBLIC
from agentbox.plugin.routes import Handler, Route, RouteRequest, RouteResponse
from agentbox.web.openapi.document import document

# Everything from here, nothing inline; swagger-ui's own style sheet has pictures in `data:`.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_TYPES: Final = {
    "docs.html": "text/html; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}


def document_routes(routes: Sequence[Route]) -> list[Route]:
    """The public rows that show `routes`; raises `PluginError` for a type without a schema."""
    encoded = msgspec.json.encode(document(routes))

    async def openapi(request: RouteRequest[Any, Any]) -> RouteResponse:
        return RouteResponse(body=encoded, headers={"Cache-Control": "no-cache"})

    return [
        _row("/openapi.json", openapi, "The OpenAPI document"),
        _row("/docs", _page, "The API, to read and try"),
        _row("/docs/{file}", _part, "A part of that page"),
    ]


async def _page(request: RouteRequest[Any, Any]) -> RouteResponse:
    return await _file("docs.html", {"Content-Security-Policy": PAGE_POLICY})


async def _part(request: RouteRequest[Any, Any]) -> RouteResponse:
    name = request.path["file"]
    if name == "docs.html" or name not in _TYPES:
        raise NotFound
    return await _file(name, {"Cache-Control": "public, max-age=3600"})


async def _file(name: str, headers: dict[str, str]) -> RouteResponse:
    # Read each time: the page is rare, and 2 MB of script need not stay in memory.
    path = files("agentbox.web").joinpath("static", name)
    body = await asyncio.to_thread(path.read_bytes)
    return RouteResponse(body=body, content_type=_TYPES[name], headers=headers)


def _row(path: str, handler: Handler, summary: str) -> Route:
    return Route(
        method="GET", path=path, access=PUBLIC, handler=handler, summary=summary, hidden=True
    )
