"""What agentbox measures of itself, of this process and of its server."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from agentbox.core.counters import Counters
from agentbox.core.readings.adding import added
from agentbox.core.readings.naming import families
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
from agentbox.plugin.services import Clock

PUBLISH_EVERY: Final = 1.0
"""Seconds; what a process that dies has counted since is lost."""

_log = structlog.get_logger("agentbox.readings")


class ServerReadings:
    """`agentbox.plugin.Readings`: of this process alone, or of all that share a folder."""

    def __init__(
        self,
        counters: Counters,
        requests: RequestCounts,
        clock: Clock,
        interval: timedelta,
        shared: SharedReadings | None = None,
    ) -> None:
        self._counters = counters
        self._requests = requests
        self._clock = clock
        self._old_after = 3 * interval.total_seconds()
        self._shared = shared
        self._joined = False
        self._writing = threading.Lock()
        self._numbers = itertools.count(1)
        self._written = 0
        self._offers: list[Callable[[], Iterable[Family]]] = []

    def offer(self, measured: Callable[[], Iterable[Family]]) -> None:
        """Tell what this gives, too."""
        self._offers.append(measured)

    def of_process(self) -> Sequence[Family]:
        """Of this process alone."""
        told = {family.name: family for family in self._requests.families()}
        for family in families(self._counters.snapshot()):
            told[family.name] = family
        for measured in self._offers:
            for family in measured():
                told.setdefault(family.name, family)
        oldest = self._clock.now().timestamp() - self._old_after
        return [each for each in told.values() if each.at is None or each.at > oldest]

    async def of_server(self) -> Sequence[Family]:
        """Of all processes of this server.

        This one's file is written first: who is asked next, and knows no more of this process than
        that, tells no less.
        """
        mine = self.of_process()
        if self._shared is None or not self._joined:
            return mine
        number = next(self._numbers)
        return await asyncio.to_thread(self._with_others, self._shared, mine, number)

    async def open(self) -> None:
        """Join the other processes of the server, if there are any."""
        if self._shared is not None:
            try:
                await asyncio.to_thread(self._shared.join)
            except OSError as error:
                _log.warning("readings_not_shared", error=str(error))
            else:
                self._joined = True

    async def publish(self) -> None:
        """Tell the others."""
        if self._shared is not None and self._joined:
            mine, number = self.of_process(), next(self._numbers)
            await asyncio.to_thread(self._tell, self._shared, mine, number)

    async def close(self) -> None:
        """Tell the others for the last time."""
        await self.publish()
        if self._shared is not None:
            self._shared.leave()

    def _with_others(
        self, shared: SharedReadings, mine: Sequence[Family], number: int
    ) -> Sequence[Family]:
        if not self._tell(shared, mine, number):
            return mine
        try:
            return added([mine, *shared.of_others()])
        except OSError as error:
            _log.warning("readings_not_shared", error=str(error))
            return mine

    def _tell(self, shared: SharedReadings, mine: Sequence[Family], number: int) -> bool:
        """Whether the file is as new as this, which another thread may have seen to."""
        try:
            with self._writing:
                if number > self._written:
                    shared.tell(mine)
                    self._written = number
        except OSError as error:
            _log.warning("readings_not_shared", error=str(error))
            return False
        return True
