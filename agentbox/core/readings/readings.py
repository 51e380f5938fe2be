"""What agentbox measures of itself, of this process and of its server."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from agentbox.core.counters import Counters
from agentbox.core.readings.adding import added
from agentbox.core.readings.naming import families
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.loader.isolation import Failure, attempt
from agentbox.plugin.metrics import Family, Histogram, Readings
from agentbox.plugin.services import Clock

PUBLISH_EVERY: Final = 1.0
"""Seconds; what a process that dies has counted since is lost."""

OURSELVES: Final = "agentbox"

_log = structlog.get_logger("agentbox.readings")


@dataclass(slots=True)
class _Offer:
    by: str
    measured: Callable[[], Iterable[Family]]
    failed: bool = False


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
        self._offers: list[_Offer] = []

    def offer(self, measured: Callable[[], Iterable[Family]], *, by: str = OURSELVES) -> None:
        """Tell what this gives, too. Where it raises, or gives something else, nothing of it is
        told, which is counted as `plugin_failures.<by>` and logged when it begins."""
        self._offers.append(_Offer(by, measured))

    def offered_by(self, plugin: str) -> Readings:
        """The same for one plugin, whose failures are counted under its name."""
        return _OfPlugin(self, plugin)

    def of_process(self) -> Sequence[Family]:
        """Of this process alone."""
        told = {family.name: family for family in self._requests.families()}
        for family in families(self._counters.snapshot()):
            told[family.name] = family
        for offer in self._offers:
            for family in self._given(offer):
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

    def _given(self, offer: _Offer) -> Sequence[Family]:
        given = attempt(lambda: _families(offer.measured()))
        failed = isinstance(given, Failure)
        if isinstance(given, Failure):
            self._counters.add(f"plugin_failures.{offer.by}")
            if not offer.failed:
                _log.error(
                    "readings_offer_failed",
                    plugin=offer.by,
                    error=type(given.error).__name__,
                    exc_info=given.error,
                )
        offer.failed = failed
        return () if isinstance(given, Failure) else given

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


@dataclass(frozen=True, slots=True)
class _OfPlugin:
    readings: ServerReadings
    plugin: str

    def offer(self, measured: Callable[[], Iterable[Family]]) -> None:
        self.readings.offer(measured, by=self.plugin)

    def of_process(self) -> Sequence[Family]:
        return self.readings.of_process()

    async def of_server(self) -> Sequence[Family]:
        return await self.readings.of_server()


def _families(given: Iterable[Family]) -> Sequence[Family]:
    """All of them. Raises `TypeError` for what is none, or could not be told among others."""
    families = [*given]
    for each in families:
        if not isinstance(each, Family):
            raise TypeError(f"{type(each).__name__} is no family of readings")
        for labels, value in each.values.items():
            if len(labels) != len(each.labels) or not isinstance(value, (int, float, Histogram)):
                raise TypeError(f"{each.name} has a value that does not fit its labels, or is none")
    return families
