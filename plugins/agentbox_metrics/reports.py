"""Samples of environments that run, from what they reported last, and of all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from agentbox.model.environments import RunningEnvironment
from agentbox.model.metrics import MetricType, Sample
from agentbox.plugin import MetricSource, Services

MEBIBYTE: Final = 1 << 20

RUNNING_SANDBOXES: Final = MetricType(
    name="running_sandboxes",
    unit="count",
    description="Sandboxes that run; an environment that never said how many has one.",
    per_environment=True,
)
CPU_USAGE: Final = MetricType(
    name="cpu_usage",
    unit="millicores",
    description="Processor time in thousandths of a core.",
    per_environment=True,
)
MEMORY_USAGE: Final = MetricType(
    name="memory_usage", unit="MiB", description="Memory in use.", per_environment=True
)
START_TIME: Final = MetricType(
    name="start_time",
    unit="seconds",
    description="How long it took from being created to being started.",
    per_environment=True,
)


LONGEST_START: Final = timedelta(days=1)
"""What is longer was no start: only the last one is known, and that was not the first."""


class Reports(MetricSource):
    """An environment that does not run, or is stale, has no samples.

    Of everything together there are sums over those that run, 0 where none does, and the average
    of the start times.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def types(self) -> Sequence[MetricType]:
        """Those of http-api: the same for an environment and for all."""
        return (RUNNING_SANDBOXES, CPU_USAGE, MEMORY_USAGE, START_TIME)

    async def collect(self, now: datetime) -> Sequence[Sample]:
        """One read of the database, whatever the number of environments."""
        own = list(_of_each(await self._services.running_environments(now)))
        return [*own, *_of_all(own)]


def _of_each(environments: Iterable[RunningEnvironment]) -> Iterator[Sample]:
    for each in environments:
        report, sandboxes = each.report, None
        if report is not None:
            sandboxes = report.sandboxes
            if report.cpu_millicores is not None:
                yield Sample(CPU_USAGE.name, report.cpu_millicores, each.id)
            if report.memory_bytes is not None:
                yield Sample(MEMORY_USAGE.name, report.memory_bytes / MEBIBYTE, each.id)
        yield Sample(
            RUNNING_SANDBOXES.name, 1.0 if sandboxes is None else float(sandboxes), each.id
        )
        if each.started_at is not None:
            took = each.started_at - each.created_at
            if took <= LONGEST_START:
                yield Sample(START_TIME.name, max(took.total_seconds(), 0.0), each.id)


def _of_all(samples: Sequence[Sample]) -> Iterator[Sample]:
    for kind in (RUNNING_SANDBOXES, CPU_USAGE, MEMORY_USAGE):
        yield Sample(kind.name, sum(s.value for s in samples if s.type == kind.name))
    starts = [sample.value for sample in samples if sample.type == START_TIME.name]
    if starts:
        yield Sample(START_TIME.name, sum(starts) / len(starts))
