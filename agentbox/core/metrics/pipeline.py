"""From sources to sinks, tick by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime

import msgspec

from agentbox.config.schema import Settings
from agentbox.config.sections import MetricsSettings
from agentbox.core.counters import Counters
from agentbox.core.metrics.collecting import CollectMetrics
from agentbox.core.metrics.collector import PATIENCE, Collector
from agentbox.core.metrics.keeping import PurgeMetrics, RollUpMetrics
from agentbox.core.metrics.measuring import Measuring, ServicesFor, open_measuring
from agentbox.core.metrics.outlets import Outlet
from agentbox.core.metrics.ticks import each_tick
from agentbox.loader import Plugins
from agentbox.model.metrics import Batch, MetricKind
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock

STOPS_WITHIN = 2.0
"""Seconds that sources have for what was counted since the last tick when the server stops, and
sinks then, all at once, for what waits."""


class Pipeline:
    """What one process collects, and its sinks, each behind a queue of its own.

    Nothing is open, and `measuring` empty, but where a server serves, or a command
    asks what is measured, and metrics are enabled.
    """

    def __init__(self, settings: MetricsSettings, clock: Clock, counters: Counters) -> None:
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self.measuring = Measuring()
        self._collector = self._collecting()
        self._outlets: list[Outlet] = []

    async def open(
        self,
        settings: Settings,
        plugins: Plugins,
        services_for: ServicesFor,
        stack: AsyncExitStack,
        *,
        sinks: bool = True,
    ) -> None:
        """Open the plugins' sources and sinks; closed with the stack. Raises `StartError`.

        Without `sinks` it is only to know what is measured.
        """
        self.take(await open_measuring(settings, plugins, services_for, stack, sinks=sinks))

    def take(self, measuring: Measuring) -> None:
        """Collect from these sources, deliver to these sinks."""
        self.measuring = measuring
        self._collector = self._collecting()
        self._outlets = [
            Outlet(sink, measuring.types, self._clock, self._counters) for sink in measuring.sinks
        ]

    def waiting(self) -> dict[str, int]:
        """How many batches wait, by the name of the sink."""
        return {outlet.name: outlet.waiting for outlet in self._outlets}

    def jobs(self) -> Sequence[Job]:
        """What collects for everybody, if that is wanted, and what becomes of it however old."""
        keeping = [
            RollUpMetrics(self._settings, self._clock),
            PurgeMetrics(self._settings, self._clock),
        ]
        if not self._settings.enabled:
            return keeping
        interval = self._settings.collection_interval
        return [CollectMetrics(self.collect, interval, self._clock), *keeping]

    def start(self, stack: AsyncExitStack) -> None:
        """Deliver from now on, and measure this process at each tick, until the stack is closed;
        then once more what it has counted."""
        if not self._settings.enabled:
            return
        for outlet in self._outlets:
            outlet.start()
        stack.push_async_callback(self._stop_outlets)
        interval = self._settings.collection_interval
        busy = asyncio.Lock()

        async def tick(at: datetime) -> None:
            async with busy:
                await self.collect(at, of_process=True)

        loop = asyncio.create_task(each_tick(self._clock, interval, tick), name="agentbox-metrics")
        stack.push_async_callback(self._finish, loop, busy)

    async def collect(self, at: datetime, *, of_process: bool = False) -> None:
        """Measure, and hand what was measured to every sink's queue. Raises nothing of plugins."""
        self._put(await self._collector.collect(at, of_process=of_process))

    async def _finish(self, loop: asyncio.Task[None], busy: asyncio.Lock) -> None:
        """Let a tick that is under way end, and hand on what was counted since, or it were lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPS_WITHIN), busy:
                loop.cancel()
                self._put(self._counts_alone(await self._collect_now()))
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    async def _collect_now(self) -> Batch:
        # Between ticks: whoever adds up what is of the tick before finds it there.
        at = self._clock.now().replace(microsecond=0)
        return await self._collector.collect(at, of_process=True)

    def _counts_alone(self, batch: Batch) -> Batch:
        """Gauges of less than a tick would weigh as much as those of a whole one."""
        types = self.measuring.types
        counted = tuple(
            each for each in batch.samples if types[each.type].kind is MetricKind.COUNTER
        )
        return msgspec.structs.replace(batch, samples=counted)

    def _put(self, batch: Batch) -> None:
        if batch.samples:
            for outlet in self._outlets:
                outlet.put(batch)

    async def _stop_outlets(self) -> None:
        await asyncio.gather(*(outlet.stop(STOPS_WITHIN) for outlet in self._outlets))

    def _collecting(self) -> Collector:
        patience = min(PATIENCE, self._settings.collection_interval)
        sources = self.measuring.sources
        return Collector(sources, self._clock, self._counters, patience=patience)
