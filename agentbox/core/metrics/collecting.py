"""The job that measures for all processes which share the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from agentbox.core.background.schedule import AHEAD
from agentbox.core.metrics.ticks import cron_of, floor
from agentbox.model.metrics import Level
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock


class CollectMetrics(Job):
    """One tick for everybody.

    The tick is taken first, in the transaction that ends the run, and measured then: if this
    process dies over it, the tick is lost, and no sink ever gets it twice, unless the database's
    clock is set back, and its time comes twice. Which one was the last is noted as how far raw
    samples are made, so that a run between ticks does nothing.
    """

    name = "collect-metrics"
    description = "Measures environments and totals, and hands them to the sinks."

    def __init__(
        self, collect: Callable[[datetime], Awaitable[None]], interval: timedelta, clock: Clock
    ) -> None:
        self.cron = cron_of(interval)
        self._collect = collect
        self._interval = interval
        self._clock = clock

    async def run(self, run: JobRun) -> None:
        """Done when the batch is on its way to the sinks of this process."""
        now = self._clock.now()
        at = floor(now, self._interval)
        async with run.transaction(last=True) as tx:
            last = (await tx.metrics.rolled_up()).get(Level.RAW)
            # A tick that lies ahead was noted by a clock that was, and holds up nothing.
            is_new = last is None or last < at or last > now + AHEAD
            is_new = is_new and await tx.metrics.note_rolled_up(Level.RAW, at, was=last)
        if is_new:
            await self._collect(at)
