"""From sources to sinks, tick by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

from agentbox.config.sections import MetricsSettings
from agentbox.core.counters import Counters
from agentbox.core.metrics.collector import PATIENCE, Collector
from agentbox.core.metrics.measuring import Measuring
from agentbox.core.metrics.outlets import Outlet
from agentbox.core.metrics.ticks import each_tick, tick_of
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock

STOPS_WITHIN = 2.0
"""Seconds that sinks have, all at once, for what waits when the server stops."""


class Pipeline:
    """What one process collects, and its sinks, each behind a queue of its own."""

    def __init__(
        self, measuring: Measuring, interval: timedelta, clock: Clock, counters: Counters
    ) -> None:
        patience = min(PATIENCE, interval)
        self._clock = clock
        self._interval = interval
        self._collector = Collector(measuring.sources, clock, counters, patience=patience)
        self._outlets = [Outlet(sink, measuring.types, clock, counters) for sink in measuring.sinks]

    async def collect(self, at: datetime, *, of_process: bool) -> None:
        """Measure, and hand what was measured to every sink's queue. Raises nothing of plugins."""
        batch = await self._collector.collect(at, of_process=of_process)
        if batch.samples:
            for outlet in self._outlets:
                outlet.put(batch)

    def start(self, stack: AsyncExitStack) -> None:
        """Deliver from now on, and measure this process at each tick."""
        for outlet in self._outlets:
            outlet.start()
        stack.push_async_callback(self._stop_outlets)
        loop = asyncio.create_task(
            each_tick(self._clock, self._interval, lambda at: self.collect(at, of_process=True)),
            name="agentbox-metrics",
        )
        stack.push_async_callback(_cancel, loop)

    async def _stop_outlets(self) -> None:
        await asyncio.gather(*(outlet.stop(STOPS_WITHIN) for outlet in self._outlets))


class CollectMetrics(Job):
    """One tick for all processes that share the database.

    The tick is taken first, in the transaction that ends the run, and measured then: if this
    process dies over it, it is lost to everybody, and no sink ever gets it twice.
    """

    name = "collect-metrics"

    def __init__(self, pipeline: Pipeline, interval: timedelta, clock: Clock) -> None:
        self.interval = interval
        self._pipeline = pipeline
        self._clock = clock

    async def run(self, run: JobRun) -> None:
        """Done when the batch is on its way to the sinks of this process."""
        at = tick_of(run.due, self._clock.now(), self.interval)
        async with run.transaction(last=True):
            pass
        await self._pipeline.collect(at, of_process=False)


def start_pipeline(
    stack: AsyncExitStack,
    measuring: Measuring,
    settings: MetricsSettings,
    clock: Clock,
    counters: Counters,
) -> Sequence[Job]:
    """Begin to collect, if that is wanted; the jobs that do so for everybody."""
    if not settings.enabled:
        return ()
    pipeline = Pipeline(measuring, settings.collection_interval, clock, counters)
    pipeline.start(stack)
    return [CollectMetrics(pipeline, settings.collection_interval, clock)]


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
