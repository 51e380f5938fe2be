"""The connection: aiohttp's, with our answers where it would give its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestPayloadError, _ErrInfo

from agentbox.core.readings.requests import OTHER, RequestCounts
from agentbox.errors import HeadersTooLarge, Internal, InvalidRequest, Problem
from agentbox.web.context import CONTEXT
from agentbox.web.errors import problem_answer, problem_of_aiohttp
from agentbox.web.middleware.observe import RequestIds
from agentbox.web.responses import Answer, Headers

SLICE = 16 * 1024

_log = structlog.get_logger("agentbox.web")


class Connection(web.RequestHandler):
    """One connection. What no middleware sees is answered here, in our form.

    aiohttp's own answers to what it can't parse echo the input, name the software, and are logged
    with a traceback that may hold a part of a credential. Here they are problems like all others,
    the connection closes, and the log has the exception's class alone.
    """

    __slots__ = ("_headers", "_ids", "_requests", "_unfed", "_unheard")

    def __init__(
        self,
        manager: Connections,
        *,
        headers: Headers,
        ids: RequestIds,
        requests: RequestCounts,
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self._headers = headers
        self._ids = ids
        self._requests = requests
        self._unfed = bytearray()
        self._unheard = manager.unheard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has come, and is to be heard."""
        self._unheard.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read on, at most `SLICE` bytes in one turn of the loop.

        A read can bring 256 KiB, and in chunks of one byte each that would hold the loop for more
        than 100 ms (security: one connection can't). No more is read until it is worked off.
        """
        if len(data) <= SLICE and not (self._unfed and data):  # no data: parse on after a pause
            self._feed(data)
            return
        begun = bool(self._unfed)
        self._unfed += data
        if not begun:
            self._feed_next()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what has not been parsed."""
        self._unfed.clear()
        self._unheard.discard(self)
        super().connection_lost(exc)

    def _feed_next(self) -> None:
        part = bytes(self._unfed[:SLICE])
        del self._unfed[:SLICE]
        if part:
            self._feed(part)
        if self._unfed:
            self._pause_transport_reading()
            self._loop.call_soon(self._feed_next)
        elif not (self._reading_paused or self._buffer_paused):  # aiohttp's own flow control
            self._resume_transport_reading()

    def _feed(self, data: bytes) -> None:
        """Parse; a request whose own body turns out to be badly framed is told at once.

        aiohttp queues that error as the answer to a next request, and the one that waits for its
        body would wait until its deadline.
        """
        super().data_received(data)
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        if isinstance(self._messages[-1][0], _ErrInfo):
            request.content.set_exception(RequestPayloadError("badly framed"))

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Note the class of an exception that ended a connection; its text may quote a secret."""
        raised = kw.get("exc_info")
        expected = isinstance(raised, (ConnectionError, RequestPayloadError))
        report = _log.debug if expected else _log.error
        report("connection_failed", exception=type(raised).__name__)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be parsed (400, 431), or to a defect outside the app."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        problem = _problem_of(exc)
        report = _log.error if isinstance(problem, Internal) else _log.debug
        report("request_refused", problem=problem.code, exception=type(exc).__name__)
        answer = self._answer(request, problem)
        answer.headers[hdrs.CONNECTION] = "close"
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; one of aiohttp's own that passed by the app becomes ours first."""
        if type(resp) is not Answer:
            problem = (
                problem_of_aiohttp(resp) if isinstance(resp, web.HTTPException) else Internal()
            )
            resp = self._answer(request, problem)
        self._unheard.discard(self)
        return await super().finish_response(request, resp, start_time)

    def _answer(self, request: web.BaseRequest, problem: Problem) -> Answer:
        context = request.get(CONTEXT)
        request_id = self._ids.take(None) if context is None else context.request_id
        answer = problem_answer(problem, headers=self._headers, request_id=request_id, public=True)
        self._requests.unrouted(OTHER).note(answer.status, 0.0)
        return answer


class Unheard:
    """Connections that have had no answer yet."""

    __slots__ = ("_connections", "_none")

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self._none = asyncio.Event()

    def add(self, connection: Connection) -> None:
        """One has come."""
        self._connections.add(connection)

    def discard(self, connection: Connection) -> None:
        """It has an answer, or is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._none.set()

    async def none_left(self) -> None:
        """Wait for the answers that all of them get."""
        while self._connections:
            self._none.clear()
            await self._none.wait()


class Connections(web.Server):
    """Makes a `Connection` for each accepted socket."""

    def __init__(
        self,
        of_app: web.Server,
        make: Callable[..., Connection],
        **options: Any,
    ) -> None:
        super().__init__(of_app.request_handler, request_factory=of_app.request_factory)
        self.unheard = Unheard()
        self._make = make
        self._options = options

    def __call__(self) -> Connection:
        return self._make(self, loop=self._loop, **self._options)


def _problem_of(raised: BaseException | None) -> Problem:
    if isinstance(raised, LineTooLong) or _too_many(raised):
        return HeadersTooLarge()
    if isinstance(raised, HttpProcessingError):
        return InvalidRequest("The request is not valid HTTP.")
    return Internal()


def _too_many(raised: BaseException | None) -> bool:
    # aiohttp has no class of its own for this.
    return isinstance(raised, HttpProcessingError) and raised.message.startswith("Too many headers")
