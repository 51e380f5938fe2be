"""From sources to sinks, tick by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime

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
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock

STOPS_WITHIN = 2.0
"""Seconds that sinks have, all at once, for what waits when the server stops."""


class Pipeline:
    """What one process collects, and its sinks, each behind a queue of its own.

    Nothing is open, and `measuring` empty, but where a server serves and metrics are enabled.
    """

    def __init__(self, settings: MetricsSettings, clock: Clock, counters: Counters) -> None:
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self.measuring = Measuring()
        self._collector = self._collecting()
        self._outlets: list[Outlet] = []

    async def open(
        self, settings: Settings, plugins: Plugins, services_for: ServicesFor, stack: AsyncExitStack
    ) -> None:
        """Open the plugins' sources and sinks; closed with the stack. Raises `StartError`."""
        self.take(await open_measuring(settings, plugins, services_for, stack))

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
        """Deliver from now on, and measure this process at each tick, until the stack is closed."""
        if not self._settings.enabled:
            return
        for outlet in self._outlets:
            outlet.start()
        stack.push_async_callback(self._stop_outlets)
        interval = self._settings.collection_interval
        loop = asyncio.create_task(
            each_tick(self._clock, interval, lambda at: self.collect(at, of_process=True)),
            name="agentbox-metrics",
        )
        stack.push_async_callback(_cancel, loop)

    async def collect(self, at: datetime, *, of_process: bool = False) -> None:
        """Measure, and hand what was measured to every sink's queue. Raises nothing of plugins."""
        batch = await self._collector.collect(at, of_process=of_process)
        if batch.samples:
            for outlet in self._outlets:
                outlet.put(batch)

    async def _stop_outlets(self) -> None:
        await asyncio.gather(*(outlet.stop(STOPS_WITHIN) for outlet in self._outlets))

    def _collecting(self) -> Collector:
        patience = min(PATIENCE, self._settings.collection_interval)
        sources = self.measuring.sources
        return Collector(sources, self._clock, self._counters, patience=patience)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
