"""One row of the route table, made ready to be called by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import NoneType
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from agentbox.core.readings.requests import RouteCounts
from agentbox.errors import AgentboxError
from agentbox.model.principal import Origin
from agentbox.plugin.routes import Route, RouteRequest, RouteResponse
from agentbox.web.context import CONTEXT
from agentbox.web.responses import Answer, Headers
from agentbox.web.typed.accept import preferred
from agentbox.web.typed.body import BodyReader
from agentbox.web.typed.cookie import cookie_of
from agentbox.web.typed.query import parse_query

_encode = msgspec.json.Encoder().encode


class WrongAnswer(AgentboxError):
    """A handler gave something else than its route states: a defect of it, told as 500."""


class Endpoint:
    """A route with everything worked out that does not depend on the request.

    `handle` is the aiohttp handler: it parses path, query and body into the route's types, calls
    the route's own handler, and turns what that returns into an answer. It raises `Problem`s, and
    `WrongAnswer` for what is not of the route's `response`, so that nothing undocumented is sent.
    """

    __slots__ = (
        "_bodies",
        "_headers",
        "_json",
        "_offered",
        "_others",
        "_response",
        "access",
        "counts",
        "handle",
        "probe",
        "public",
        "route",
    )

    def __init__(
        self, route: Route, headers: Headers, bodies: BodyReader, counts: RouteCounts
    ) -> None:
        self.route = route
        self.counts = counts
        self.access = route.access
        self.public = route.access.kind == "public"
        self.probe = route.probe
        self._response = route.response or NoneType
        self._headers = headers
        self._json = headers.of_type(route.content_type)
        self._others = {
            media_type.partition(";")[0]: (represent, headers.of_type(media_type))
            for media_type, represent in route.representations.items()
        }
        self._offered = (route.content_type, *self._others)
        if self._others:
            for form in (self._json, *(headers for _, headers in self._others.values())):
                form[hdrs.VARY] = hdrs.ACCEPT
        self._bodies = bodies
        self.handle = self._handle  # one bound method, so that it can be looked up by identity

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        route, context = self.route, request[CONTEXT]
        raw_query = request.rel_url.raw_query_string
        query = parse_query(raw_query, route.query) if raw_query or route.query else None
        body = None
        if route.body is not None:
            body = await self._bodies.read(request, route.body, required=route.body_required)
        cookie = None
        if route.cookie is not None:
            cookie = cookie_of(request.headers.getall(hdrs.COOKIE, ()), route.cookie)
        result = await route.handler(
            RouteRequest(
                path=dict(request.match_info),
                accept=request.headers.get(hdrs.ACCEPT, "") if route.negotiates else "",
                query=query,
                body=body,
                caller=context.principal,
                origin=Origin(
                    context.address, request.headers.get(hdrs.USER_AGENT), context.request_id
                ),
                request_id=context.request_id,
                cookie=cookie,
            )
        )
        return await self._answer(result, request)

    async def _answer(self, result: Struct | RouteResponse | None, request: web.Request) -> Answer:
        if isinstance(result, RouteResponse):
            return self._own_answer(result)
        self._check(result)
        if result is None:
            return Answer(status=204, headers=self._headers.plain)
        if self._others:
            wanted = preferred(request.headers.getall(hdrs.ACCEPT, ()), self._offered)
            if wanted in self._others:
                represent, headers = self._others[wanted]
                body = await _whole(represent(result))
                return Answer(body=body, status=self.route.status, headers=headers)
        return Answer(body=_encode(result), status=self.route.status, headers=self._json)

    def _check(self, body: object) -> None:
        if not isinstance(body, self._response):
            route = self.route
            raise WrongAnswer(
                f"{route.method} {route.path}: the handler gave {type(body).__name__}, "
                f"its route states {self._response.__name__}"
            )

    def _own_answer(self, result: RouteResponse) -> Answer:
        body: Any = result.body
        if isinstance(body, Struct):
            self._check(body)
            body = _encode(body)
        content_type = None if body is None else result.content_type or self.route.content_type
        return Answer(
            body=body,
            status=result.status,
            headers=self._headers.with_own(content_type, result.headers),
        )


async def _whole(form: bytes | Iterable[bytes]) -> bytes:
    if isinstance(form, bytes):
        return form
    pieces = []
    for piece in form:
        pieces.append(piece)
        await asyncio.sleep(0)
    return b"".join(pieces)
