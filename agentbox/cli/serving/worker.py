"""A worker: one of several processes that serve on one socket, as its supervisor tells it."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from agentbox.cli.serving.announcements import announce_page_stays
from agentbox.cli.serving.inheritance import READY, STOPS, Common, Inheritance, Order
from agentbox.cli.serving.orders import Orders, Stop, on_signals
from agentbox.cli.serving.running import end_after, run
from agentbox.cli.serving.server import longest_stop, serve_until_told
from agentbox.core.logs import LogHandle, Turns, configure
from agentbox.core.startup import Assembly

_log = structlog.get_logger("agentbox.worker")


def serve_as_worker(assembly: Assembly, inheritance: Inheritance) -> None:
    """Serve until the supervisor says otherwise, or is gone. Raises `StartError`."""
    channel, common = inheritance.opened()
    log = configure(
        assembly.settings,
        bound={"worker": inheritance.number},
        turn=Turns(inheritance.common),
    )
    try:
        if inheritance.moves_page(assembly.settings):
            announce_page_stays(assembly.settings.metrics.listen, inheritance.listen)
        run(_serve(inheritance.in_force(assembly), log, channel, common), log)
    finally:
        log.close()


async def _serve(
    assembly: Assembly, log: LogHandle, channel: socket.socket, common: Common
) -> None:
    orders = Orders()
    # A signal may come beside the supervisor's order, as from systemd: it must not count twice.
    on_signals(orders.stop)
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, _log.info, "sighup_is_for_supervisor"
    )
    limit = longest_stop(assembly)
    Channel(channel, orders, lambda: end_after(limit, log)).start()
    await serve_until_told(
        assembly, log, orders, common=common, on_bound=lambda _: _send_ready(channel)
    )


def _send_ready(channel: socket.socket) -> None:
    with suppress(OSError):  # the supervisor is gone, which the channel's end says as well
        channel.sendall(READY)


class Channel:
    """Hears the supervisor, in a thread, so that a loop that is stuck is ended too.

    `on_stop` is called in that thread at the first order to stop.
    """

    def __init__(self, channel: socket.socket, orders: Orders, on_stop: Callable[[], None]) -> None:
        self._channel = channel
        self._orders = orders
        self._on_stop = on_stop
        self._loop = asyncio.get_running_loop()
        self._told = False

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._run, name="agentbox-supervisor", daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError), self._channel.makefile("r", encoding="ascii") as lines:
            for line in lines:
                self._obey(Order(line.strip()))
        self._orphaned()

    def _obey(self, order: Order) -> None:
        if order is Order.HURRY:
            self._on_loop(self._orders.hurry.set)
            return
        self._begin_to_stop()
        self._on_loop(partial(self._orders.stop, STOPS[order]))

    def _orphaned(self) -> None:
        """Nobody starts this one again or stops it: make room at once for whoever comes next."""
        if not self._told:
            _log.warning("supervisor_gone")
        self._begin_to_stop()
        self._on_loop(partial(self._orders.stop_or_hurry, Stop.RETIRE))

    def _begin_to_stop(self) -> None:
        if not self._told:
            self._told = True
            self._on_stop()

    def _on_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: it has stopped
            self._loop.call_soon_threadsafe(call)
