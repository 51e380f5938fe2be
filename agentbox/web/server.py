"""The server: listens, drains, stops."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
from aiohttp import http_parser, web

from agentbox.core.logs import LogHandle
from agentbox.plugin.routes import Route
from agentbox.web.access_log import AccessLogger
from agentbox.web.address import Address
from agentbox.web.app import HEADERS, IN_FLIGHT, REQUEST_IDS, REQUESTS, create_app
from agentbox.web.context import Runtime
from agentbox.web.crowd import Shared
from agentbox.web.protocol import Connection, Connections
from agentbox.web.shared_listener import BACKLOG, SharedListener
from agentbox.web.typed.body import DEADLINE

KEEPALIVE: Final = 75.0
"""Seconds that an idle connection is kept: more than proxies keep theirs."""

GRACE: Final = 30.0
"""Seconds that requests in flight have to finish at a stop."""

HEARING: Final = 1.0
"""Seconds that a connection which came before a stop has to send its first request."""

LINGER: Final = 2.0
"""Seconds that a body nobody wants is read and thrown away, so that the answer gets through."""

_log = structlog.get_logger("agentbox.web")


class _Seat:
    def __init__(self, shared: Shared, connections: web.Server) -> None:
        self._crowd, self._place = shared.crowd, shared.place
        self._connections = connections

    def is_ahead(self) -> bool:
        if self._crowd is None:
            return False
        self._crowd.note(self._place, len(self._connections.connections))
        return self._crowd.is_ahead(self._place)


class Server:
    """Serves `routes` on one address: `start`, then `begin_drain` or `retire`, then `stop`.

    `access_log` is where access lines go; None writes none. `on_bound` is called with the address
    once connections are accepted. `runtime.draining` is what a readiness probe asks. With
    `shared` it listens on those sockets, as other processes do, and on no address of its own.
    """

    def __init__(
        self,
        runtime: Runtime,
        routes: Sequence[Route],
        *,
        host: str | None = None,
        port: int | None = None,
        shared: Shared | None = None,
        access_log: LogHandle | None = None,
        on_bound: Callable[[Address], None] | None = None,
        body_deadline: float = DEADLINE,
        documents: bool = True,
        addresses: bool = False,
        grace: float = GRACE,
    ) -> None:
        settings = runtime.settings.server
        self._host = settings.host if host is None else host
        self._port = settings.port if port is None else port
        self._shared = shared
        self._on_bound = on_bound
        self._runtime = runtime
        app = create_app(
            runtime,
            routes,
            body_deadline=body_deadline,
            documents=documents,
            addresses=addresses,
        )
        self._in_flight = app[IN_FLIGHT]
        self._grace = grace
        self._site: web.TCPSite | None = None
        self._listeners: list[SharedListener] = []
        self._runner = _Runner(app, access_log, shutdown_timeout=LINGER)

    async def start(self) -> Address:
        """Listen. Raises OSError if the address can't be had."""
        _check_parser()
        await self._runner.setup()
        address = await self._listen() if self._shared is None else self._join(self._shared)
        if self._on_bound is not None:
            self._on_bound(address)
        return address

    @property
    def connections(self) -> int:
        """How many connections are open."""
        served = self._runner.server
        return 0 if served is None else len(served.connections)

    def begin_drain(self) -> None:
        """Go on serving, but be not ready, and ask clients to close their connections."""
        self._runtime.draining = True
        self._in_flight.parting = True

    async def retire(self) -> None:
        """Accept no more connections, which others on the same socket do; serve on those there are.

        It stays ready, since the address does, and asks clients to close their connections.
        """
        self._in_flight.parting = True
        await self._stop_listening()

    async def stop(self) -> None:
        """Close the listener, let requests in flight finish, close all connections.

        Who connected before the listener was closed is answered, unless nothing is asked within a
        second.
        """
        self.begin_drain()
        doubles = self._doubles()
        await self._stop_listening()
        await self._hear_out(doubles)
        await self._finish_requests()
        await self._runner.cleanup()

    async def _listen(self) -> Address:
        self._site = web.TCPSite(self._runner, self._host, self._port, backlog=BACKLOG)
        await self._site.start()
        return Address(*self._runner.addresses[0][:2])

    def _join(self, shared: Shared) -> Address:
        connections = self._runner.server
        assert connections is not None  # noqa: S101  set up before
        seat = _Seat(shared, connections)
        for each in shared.sockets:
            listener = SharedListener(each, connections, seat)
            listener.start()
            self._listeners.append(listener)
        return Address(*shared.sockets[0].getsockname()[:2])

    async def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        site, self._site = self._site, None
        if site is not None:
            await site.stop()

    def _doubles(self) -> Sequence[socket.socket]:
        """The sockets that are listened on, once more, so that they stay when that ends."""
        own = None if self._site is None else self._site._server  # aiohttp has no other way there
        listening = [] if own is None else getattr(own, "sockets", [])
        doubles = [socket.socket(fileno=os.dup(each.fileno())) for each in listening]
        return [*doubles, *(each.double() for each in self._listeners if each.is_open)]

    async def _hear_out(self, doubles: Sequence[socket.socket]) -> None:
        """Answer those whom the system has accepted and this process has not, and the silent.

        To close a listener resets the former: a proxy that has sent a POST there can't know that
        nobody read it, and has to fail.
        """
        connections = self._runner.server
        if isinstance(connections, Connections):
            await _take_in(doubles, connections)
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARING):
                    await connections.unheard.none_left()

    async def _finish_requests(self) -> None:
        """aiohttp's own stop reads no more of a body that is still coming, so wait before it."""
        self._in_flight.idle.clear()
        if self._in_flight.count:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._in_flight.idle.wait()


class _Runner(web.AppRunner):
    """aiohttp's runner of an app, with our connections."""

    def __init__(self, app: web.Application, access_log: LogHandle | None, **options: Any) -> None:
        super().__init__(app, **options)
        self._access_log = access_log

    async def _make_server(self) -> web.Server:
        # What aiohttp calls for its own server; it has no setting for the class of connections.
        make = partial(
            Connection,
            headers=self.app[HEADERS],
            ids=self.app[REQUEST_IDS],
            requests=self.app[REQUESTS],
        )
        options: dict[str, Any] = {"access_log": None}
        if self._access_log is not None:
            options = {
                "access_log": logging.getLogger("agentbox.access"),
                "access_log_class": partial(AccessLogger, handle=self._access_log),
            }
        return Connections(
            await super()._make_server(),
            make,
            keepalive_timeout=KEEPALIVE,
            lingering_time=LINGER,
            auto_decompress=False,
            **options,
        )


def _check_parser() -> None:
    """The parser in C is the one that is tested; one in Python is slower and differs in corners."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        _log.warning("slow_http_parser", reason="aiohttp was built without its C extensions")


async def _take_in(listeners: Sequence[socket.socket], connections: Connections) -> None:
    """Make a connection of everything that waits to be accepted, then close `listeners`."""
    loop = asyncio.get_running_loop()
    for listener in listeners:
        with listener:
            listener.setblocking(False)
            # Until nothing waits (BlockingIOError), or what waited is gone (other OSErrors).
            with suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    accepted.setblocking(False)
                    await loop.connect_accepted_socket(connections, accepted)
