"""What agentbox measures of itself, of this process and of its server."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from agentbox.core.counters import Counters
from agentbox.core.readings.adding import added
from agentbox.core.readings.checking import checked
from agentbox.core.readings.naming import families
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.loader.isolation import Failure, attempt
from agentbox.plugin.metrics import Family, Readings
from agentbox.plugin.services import Clock

PUBLISH_EVERY: Final = 1.0
"""Seconds; what a process that dies has counted since is lost."""

OURSELVES: Final = "agentbox"

T = TypeVar("T")

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
        self._failing: set[str] = set()
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
        that, tells no less. What can't be written or read is left out, which is logged.
        """
        mine = self.of_process()
        if self._shared is None:
            return mine
        number = next(self._numbers)
        return await asyncio.to_thread(self._with_others, self._shared, mine, number)

    async def open(self) -> None:
        """Join the other processes of the server, if there are any. Where that fails, it is tried
        again whenever they are to be told something."""
        if self._shared is not None:
            await asyncio.to_thread(self._join, self._shared)

    async def publish(self) -> None:
        """Tell the others."""
        if self._shared is not None:
            if not self._joined:
                await self.open()
            mine, number = self.of_process(), next(self._numbers)
            await asyncio.to_thread(self._tell, self._shared, mine, number)

    async def close(self) -> None:
        """Tell the others for the last time."""
        try:
            await self.publish()
        finally:
            if self._shared is not None:
                self._shared.leave()

    def _given(self, offer: _Offer) -> Sequence[Family]:
        given = attempt(lambda: checked(offer.measured()))
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
        self._tell(shared, mine, number)
        told = self._tried("hear", lambda: added([mine, *shared.of_others()]))
        return mine if isinstance(told, Failure) else told

    def _join(self, shared: SharedReadings) -> None:
        with self._writing:
            if not self._joined:
                self._joined = not isinstance(self._tried("join", shared.join), Failure)

    def _tell(self, shared: SharedReadings, mine: Sequence[Family], number: int) -> None:
        """See to it that the file is as new as this, which another thread may have done."""
        if self._joined:
            with self._writing:
                if number > self._written:
                    told = self._tried("tell", lambda: shared.tell(mine))
                    self._written = self._written if isinstance(told, Failure) else number

    def _tried(self, step: str, call: Callable[[], T]) -> T | Failure:
        """Whatever goes wrong here may end neither the page nor the process."""
        done = attempt(call)
        if isinstance(done, Failure):
            if step not in self._failing:
                self._failing.add(step)
                defect = None if isinstance(done.error, OSError) else done.error
                _log.warning("readings_not_shared", step=step, error=str(done), exc_info=defect)
        elif step in self._failing:
            self._failing.discard(step)
            _log.info("readings_shared_again", step=step)
        return done


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
