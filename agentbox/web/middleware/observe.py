"""The outermost middleware: a request gets its id, and the answer carries it."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from time import monotonic
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agentbox.core.readings.requests import RequestCounts
from agentbox.web.context import CONTEXT, RequestContext
from agentbox.web.responses import REQUEST_ID

_is_safe: Final = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class RequestIds:
    """Ids of requests: the client's where it is safe, else one of our own.

    Ours are a random text of this process and a number: unique, cheap, and no secret.
    """

    def __init__(self) -> None:
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def take(self, offered: str | None) -> str:
        """`offered` if it is 1 to 64 of `A-Z a-z 0-9 . _ -`, else a new id."""
        if offered is not None and _is_safe(offered) is not None:
            return offered
        return f"{self._process}-{next(self._numbers):x}"


class InFlight:
    """How many requests are being answered now."""

    __slots__ = ("count", "idle", "parting")

    def __init__(self) -> None:
        self.count = 0
        self.idle = asyncio.Event()
        """Set by the last of them, once somebody has cleared it."""
        self.parting = False
        """Whether answers tell clients to close their connections."""


def observe(ids: RequestIds, in_flight: InFlight, counts: RequestCounts) -> Middleware:
    """Every request gets a `RequestContext` with a request id; every answer says that id.

    - The client's `X-Request-Id` is kept if it is at most 64 safe characters, else replaced.
    - Once the server is about to stop, every answer tells the client to close the connection.
    - It is counted among those in flight until it is answered, and then by its route, method and
      status, with the time that it took.
    """

    unrouted = counts.unrouted

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = monotonic()
        request_id = ids.take(request.headers.get(REQUEST_ID))
        context = request[CONTEXT] = RequestContext(request_id)
        in_flight.count += 1
        try:
            answer = await handler(request)
        finally:
            in_flight.count -= 1
            if not in_flight.count:
                in_flight.idle.set()
        answer.headers[REQUEST_ID] = request_id
        endpoint = context.endpoint
        counted = unrouted(request.method) if endpoint is None else endpoint.counts
        counted.note(answer.status, monotonic() - began)
        if in_flight.parting:
            answer.force_close()
        return answer

    return middleware
