"""The server: listens, drains, stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

import structlog
from aiohttp import http_parser, web

from agentbox.core.logs import LogHandle
from agentbox.plugin.routes import Route
from agentbox.web.access_log import AccessLogger
from agentbox.web.app import HEADERS, IN_FLIGHT, REQUEST_IDS, create_app
from agentbox.web.context import Runtime
from agentbox.web.protocol import Connection, Connections
from agentbox.web.typed.body import DEADLINE

KEEPALIVE: Final = 75.0
"""Seconds that an idle connection is kept: more than proxies keep theirs."""

GRACE: Final = 30.0
"""Seconds that requests in flight have to finish at a stop."""

LINGER: Final = 2.0
"""Seconds that a body nobody wants is read and thrown away, so that the answer gets through."""

_log = structlog.get_logger("agentbox.web")


class Address(NamedTuple):
    """Where the server listens, once it does."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://…` of this address."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Server:
    """Serves `routes` on one address: `start`, `begin_drain`, `stop`.

    `access_log` is where access lines go; None writes none. `on_bound` is called with the address
    once connections are accepted. `runtime.draining` is what a readiness probe asks.
    """

    def __init__(
        self,
        runtime: Runtime,
        routes: Sequence[Route],
        *,
        host: str | None = None,
        port: int | None = None,
        access_log: LogHandle | None = None,
        on_bound: Callable[[Address], None] | None = None,
        body_deadline: float = DEADLINE,
        grace: float = GRACE,
    ) -> None:
        settings = runtime.settings.server
        self._host = settings.host if host is None else host
        self._port = settings.port if port is None else port
        self._on_bound = on_bound
        self._runtime = runtime
        app = create_app(runtime, routes, body_deadline=body_deadline)
        self._in_flight = app[IN_FLIGHT]
        self._grace = grace
        self._site: web.TCPSite | None = None
        self._runner = _Runner(app, access_log, shutdown_timeout=LINGER)

    async def start(self) -> Address:
        """Listen. Raises OSError if the address can't be had."""
        _check_parser()
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._host, self._port, backlog=1024)
        await self._site.start()
        address = Address(*self._runner.addresses[0][:2])
        if self._on_bound is not None:
            self._on_bound(address)
        return address

    def begin_drain(self) -> None:
        """Go on serving, but be not ready, and ask clients to close their connections."""
        self._runtime.draining = True

    async def stop(self) -> None:
        """Close the listener, let requests in flight finish, close all connections."""
        self.begin_drain()
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        await self._finish_requests()
        await self._runner.cleanup()

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
        make = partial(Connection, headers=self.app[HEADERS], ids=self.app[REQUEST_IDS])
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
