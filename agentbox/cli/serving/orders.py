"""What a running server is told to do: to stop in one of three ways, and to be quick about it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from enum import Enum


class Stop(Enum):
    """How a server stops; the values are what the log says."""

    DRAIN = "SIGTERM"
    """Be not ready, serve on for `[server] drain_delay`, then finish what is in flight."""

    AT_ONCE = "SIGINT"
    """The same without the delay."""

    RETIRE = "retired"
    """Others serve on at this address: accept no more connections, and finish with those there."""


SIGNALS = {signal.SIGTERM: Stop.DRAIN, signal.SIGINT: Stop.AT_ONCE}


class Orders:
    """The first order to stop holds; made on the loop that it is for."""

    def __init__(self) -> None:
        self.hurry = asyncio.Event()
        """Set by whoever does not want to wait for a delay any more."""
        self._stop: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()

    @property
    def given(self) -> bool:
        """Whether there has been an order to stop."""
        return self._stop.done()

    def stop(self, how: Stop) -> None:
        """Stop; of no effect after another one."""
        if not self._stop.done():
            self._stop.set_result(how)

    def stop_or_hurry(self, how: Stop) -> None:
        """Stop; the second time, be quick about it."""
        if self.given:
            self.hurry.set()
        else:
            self.stop(how)

    async def stopped(self) -> Stop:
        """How to stop, once it has been told."""
        return await self._stop


def on_signals(obey: Callable[[Stop], None]) -> None:
    """Call `obey` on the running loop for each SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number, how in SIGNALS.items():
        loop.add_signal_handler(number, obey, how)
