"""The application: the route table behind the middlewares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web

from agentbox.core.readings.requests import OTHER, RequestCounts
from agentbox.errors import PluginError
from agentbox.plugin.routes import Route
from agentbox.web.context import Runtime
from agentbox.web.hosts import AcceptedHosts
from agentbox.web.middleware.authenticate import authenticate
from agentbox.web.middleware.authorise import authorise
from agentbox.web.middleware.cors import cors
from agentbox.web.middleware.errors import errors
from agentbox.web.middleware.forwarded import forwarded
from agentbox.web.middleware.observe import InFlight, RequestIds, observe
from agentbox.web.openapi import document_routes
from agentbox.web.responses import Headers
from agentbox.web.typed.body import DEADLINE, BodyReader
from agentbox.web.typed.endpoint import Endpoint

# Ids are URL-safe; anything else in their place is an unknown path.
_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_PARAMETER_PATTERN: Final = r"{\1:(?!\\.{1,2}$)[A-Za-z0-9._~-]{1,128}}"

HEADERS: Final = web.AppKey("HEADERS", Headers)
IN_FLIGHT: Final = web.AppKey("IN_FLIGHT", InFlight)
REQUEST_IDS: Final = web.AppKey("REQUEST_IDS", RequestIds)
REQUESTS: Final = web.AppKey("REQUESTS", RequestCounts)


def create_app(
    runtime: Runtime,
    routes: Sequence[Route],
    *,
    body_deadline: float = DEADLINE,
    documents: bool = True,
    addresses: bool = False,
) -> web.Application:
    """The aiohttp application that serves `routes`, each with the access it states.

    Middlewares, outermost first: observe, cors (only where origins are
    configured), errors, forwarded, authenticate, authorise. `body_deadline` is the
    total time in seconds for a body to come; `documents` False leaves those out that are made
    from the routes; with `addresses` it is asked under any IP address too, beside its names.
    Raises `PluginError` if two routes have one method
    and path.
    """
    server = runtime.settings.server
    headers = Headers(https=runtime.settings.public_url.startswith("https:"))
    bodies = BodyReader(deadline=body_deadline)
    served = served_routes(runtime, routes) if documents else routes
    requests = runtime.requests
    endpoints = [
        Endpoint(route, headers, bodies, requests.of(route.path, route.method, route.tag or OTHER))
        for route in served
    ]
    ids, in_flight = RequestIds(), InFlight()
    app = web.Application(
        middlewares=[
            observe(ids, in_flight, requests),
            *([cors(server.cors_origins, headers)] if server.cors_origins else []),
            errors(headers, runtime.refusals),
            forwarded(server.trusted_proxies),
            authenticate(
                {endpoint.handle: endpoint for endpoint in endpoints},
                AcceptedHosts(runtime.settings.public_url, server.hosts, addresses=addresses),
                runtime.recognition,
            ),
            authorise(runtime),
        ]
    )
    app[HEADERS], app[REQUEST_IDS], app[IN_FLIGHT] = headers, ids, in_flight
    app[REQUESTS] = requests
    _add_routes(app, endpoints)
    return app


def served_routes(runtime: Runtime, routes: Sequence[Route]) -> list[Route]:
    """All rows that the server answers to: `routes`, and the documents where they are on."""
    return [*routes, *(document_routes(routes) if runtime.settings.docs else [])]


def _add_routes(app: web.Application, endpoints: Iterable[Endpoint]) -> None:
    seen: set[tuple[str, str]] = set()
    resources: dict[str, web.Resource] = {}
    for endpoint in endpoints:
        route = endpoint.route
        shape = (route.method, _PARAMETER.sub("{}", route.path))
        if shape in seen:
            raise PluginError(f"Two routes answer to {route.method} {route.path}.")
        seen.add(shape)
        path = _PARAMETER.sub(_PARAMETER_PATTERN, route.path)
        if path not in resources:
            resources[path] = app.router.add_resource(path)
        # RFC 9110 section 9.3.2: HEAD is GET without the body, and so has the same access.
        with_head = route.method == "GET" and route.head
        methods = ("GET", "HEAD") if with_head else (route.method,)
        for method in methods:
            resources[path].add_route(method, endpoint.handle, expect_handler=_expect_nothing)


async def _expect_nothing(request: web.Request) -> None:
    """`100 Continue` is sent when a body is about to be read, not before it is allowed to come."""
