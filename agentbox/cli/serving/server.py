"""One process that serves: alone, or as one of several."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from agentbox.cli.serving.announcements import (
    announce_listening,
    announce_page,
    announce_start,
    cant_listen,
    cant_listen_for_metrics,
)
from agentbox.cli.serving.inheritance import Common
from agentbox.cli.serving.orders import Orders, Stop, on_signals
from agentbox.cli.serving.running import end_after, run
from agentbox.cli.serving.sockets import page_address
from agentbox.core.logs import LogHandle, configure
from agentbox.core.runtime import Runtime, open_runtime
from agentbox.core.startup import Assembly
from agentbox.web.address import Address
from agentbox.web.exposition.page import open_page
from agentbox.web.outgoing.client import OutgoingHttp
from agentbox.web.routes import route_table
from agentbox.web.server import GRACE, Server

SHORTEST_RETIREMENT: Final = 5.0
"""Seconds that kept connections have to say goodbye; it ends with the last of them."""

CLOSING: Final = 20.0
"""Seconds beyond the delay and the requests in flight until a process that hangs ends itself: jobs
have 10 of them, and what hands on metrics some."""

_LOOK: Final = 0.05

_log = structlog.get_logger("agentbox")


def serve_alone(assembly: Assembly) -> None:
    """Be the server until SIGTERM or Ctrl-C. Raises `StartError`."""
    log = configure(assembly.settings)
    try:
        run(_alone(assembly, log), log)
    finally:
        log.close()


async def _alone(assembly: Assembly, log: LogHandle) -> None:
    orders = Orders()

    def obey(how: Stop) -> None:
        if not orders.given:
            end_after(longest_stop(assembly), log)
        orders.stop_or_hurry(how)

    on_signals(obey)
    announce_start(assembly)
    await serve_until_told(
        assembly, log, orders, on_bound=lambda address: announce_listening(address.url)
    )


def retirement(assembly: Assembly) -> float:
    """Seconds that a server which retires waits for its connections."""
    return max(assembly.settings.drain_delay.total_seconds(), SHORTEST_RETIREMENT)


def longest_stop(assembly: Assembly) -> float:
    """Seconds from the order to stop until a process ends, however it hangs."""
    return retirement(assembly) + GRACE + CLOSING


async def serve_until_told(
    assembly: Assembly,
    log: LogHandle,
    orders: Orders,
    *,
    common: Common | None = None,
    on_bound: Callable[[Address], None],
) -> None:
    """Open everything, serve until there is an order to stop, stop that way, close everything.

    Listens at the configured addresses unless it has sockets in `common`. Raises `StartError`.
    """
    settings = assembly.settings
    shared = None if common is None else common.readings
    async with open_runtime(
        assembly, serving=True, outgoing=OutgoingHttp.opened(), shared=shared
    ) as runtime:
        server = Server(
            runtime,
            route_table(runtime),
            shared=None if common is None else common.listening,
            access_log=log if settings.server.access_log else None,
            on_bound=on_bound,
        )
        page = _page(runtime, common)
        if page is not None:
            try:
                address = await page.start()
            except OSError as error:
                raise cant_listen_for_metrics(settings, error) from error
            if common is None:
                announce_page(address.url)
        _leave_in_peace()
        try:
            await server.start()
        except OSError as error:
            raise cant_listen(settings, error) from error
        how = await orders.stopped()
        if how is Stop.RETIRE:
            if page is not None:
                await page.retire()
            await _retire(server, orders, retirement(assembly))
        else:
            delay = settings.drain_delay.total_seconds() if how is Stop.DRAIN else 0.0
            await _drain(server, orders, how, delay)
        await asyncio.gather(server.stop(), *([page.stop()] if page is not None else []))
    _log.info("stopped")


def _leave_in_peace() -> None:
    """Have the garbage collector pass over all that is there by now, which stays until the end.

    Walking it took 25 ms, in which nobody is answered, each time that requests had made a quarter
    as many objects.
    """
    gc.collect()
    gc.freeze()


def _page(runtime: Runtime, common: Common | None) -> Server | None:
    """What serves /metrics alone; None where it has no address of its own.

    A worker serves at the address that its supervisor took also if nobody shows a page any more:
    it would go on being accepted at, and 404 is an answer.
    """
    shared = None if common is None else common.page
    address = page_address(runtime.settings) if common is None else None
    if shared is None and address is None:
        return None
    routes = open_page(runtime)
    if not routes:
        _log.warning("nobody_shows_metrics", listen=runtime.settings.metrics.listen)
    host, port = address or (None, None)
    return Server(
        runtime, routes, host=host, port=port, shared=shared, documents=False, addresses=True
    )


async def _drain(server: Server, orders: Orders, how: Stop, delay: float) -> None:
    """Wait until balancers have noticed."""
    server.begin_drain()
    _log.info("draining", signal=how.value, seconds=delay)
    await _hurried(orders, delay)


async def _retire(server: Server, orders: Orders, longest: float) -> None:
    """Wait until the clients have closed their connections, each after its next answer."""
    await server.retire()
    _log.info("retiring", seconds=longest, connections=server.connections)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + longest
    while server.connections and loop.time() < deadline:
        if await _hurried(orders, _LOOK):
            return


async def _hurried(orders: Orders, within: float) -> bool:
    """Whether somebody does not want to wait, at once or within that many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            return await orders.hurry.wait()
    return False
