"""Asks sources, all at once, and makes a batch of what they give."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from agentbox.core.counters import Counters
from agentbox.core.metrics.guarding import LEFT_ALONE, Guard
from agentbox.core.metrics.judging import Judged, judge
from agentbox.core.metrics.measuring import OpenSource
from agentbox.loader.isolation import Failure
from agentbox.model.metrics import Batch, Sample
from agentbox.plugin.services import Clock

PATIENCE = timedelta(seconds=10)
"""How long a source has, and never longer than until the next tick."""

_log = structlog.get_logger("agentbox.metrics")


class Collector:
    """The sources of one process.

    One that raises, or takes too long, or is left alone because it did so three times in a row, is
    missing from the batch; so are samples that are none. All of that is logged, and counted as
    `sources.<name>.`: `failed`, `left_alone`, and `refused`, samples.
    """

    def __init__(
        self,
        sources: Sequence[OpenSource],
        clock: Clock,
        counters: Counters,
        *,
        patience: timedelta = PATIENCE,
        left_alone: float = LEFT_ALONE,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._counters = counters
        seconds = patience.total_seconds()
        self._guards = {each.name: Guard(clock, seconds, left_alone=left_alone) for each in sources}

    async def collect(self, at: datetime, *, of_process: bool) -> Batch:
        """What the sources of one kind measure now, as the samples of the tick `at`."""
        asked = [each for each in self._sources if each.opened.of_process is of_process]
        found = await asyncio.gather(*(self._ask(source) for source in asked))
        samples = tuple(sample for some in found for sample in some)
        return Batch(at=at, samples=samples, of_process=of_process)

    async def _ask(self, source: OpenSource) -> Sequence[Sample]:
        guard = self._guards[source.name]
        if guard.open_for:
            self._count(source, "left_alone")
            return ()
        judged = await guard.call(lambda: self._measured(source))
        if isinstance(judged, Failure):
            self._count(source, "failed")
            _log.error(
                "metric_source_failed",
                source=source.name,
                error=type(judged.error).__name__,
                exc_info=judged.error,
            )
            return ()
        if judged.refused:
            self._count(source, "refused", judged.refused)
            _log.error(
                "metric_samples_refused",
                source=source.name,
                samples=judged.refused,
                first=judged.fault,
            )
        return judged.good

    async def _measured(self, source: OpenSource) -> Judged:
        given = await source.opened.collect(self._clock.now())
        if not isinstance(given, Sequence):
            raise TypeError(f"{type(given).__name__} is no sequence of samples")
        return judge(given, source.types)

    def _count(self, source: OpenSource, what: str, amount: int = 1) -> None:
        self._counters.add(f"sources.{source.name}.{what}", amount)
