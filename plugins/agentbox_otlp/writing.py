"""Batches as requests of OTLP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.model.times import EPOCH
from agentbox_otlp.messages import (
    CUMULATIVE,
    DELTA,
    AnyValue,
    ExportMetricsServiceRequest,
    Gauge,
    KeyValue,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    Sum,
)
from agentbox_otlp.options import OtlpOptions
from agentbox_otlp.resources import Resources

AT_ONCE: Final = 1000
"""Points of one request, so that neither its size nor the time that it takes to write grows with
the number of environments."""

ENVIRONMENT: Final = "agentbox.environment.id"

UNITS: Final = {
    "count": "1",
    "seconds": "s",
    "MiB": "MiBy",
    "percent": "%",
    "millicores": "m{core}",
}
"""Ours as UCUM has them; others are annotations, in braces."""

Series = tuple[str, str | None]

_encode = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """A body to post, and how many points it has."""

    text: bytes
    points: int


class Counted(NamedTuple):
    """What a counter has reached, and since when."""

    start: datetime
    total: float


class Writer:
    """Counters are sums that only grow, since the sink was opened or since the batch before.

    What is counted, and what a process measures for itself, is said to be of this process.
    """

    def __init__(self, options: OtlpOptions, resources: Resources, opened_at: datetime) -> None:
        self._prefix = options.prefix
        self._cumulative = options.temporality == "cumulative"
        self._resources = resources
        self._opened_at = opened_at
        self._before: dict[bool, datetime] = {}
        self._counted: dict[Series, Counted] = {}

    def requests(self, batch: Batch, types: Mapping[str, MetricType]) -> Iterator[Request]:
        """What to post, one after the other."""
        counted = self._count(batch, types)
        for first in range(0, len(batch.samples), AT_ONCE):
            some = batch.samples[first : first + AT_ONCE]
            yield Request(_encode(self._request(batch, some, types, counted)), len(some))

    def _count(self, batch: Batch, types: Mapping[str, MetricType]) -> Mapping[Series, Counted]:
        """What is to be said of each counter of the batch.

        One whose environment is missing from a batch is forgotten, so that memory does not grow
        with the environments that there have ever been; if it comes again, its sum begins anew.
        """
        start = min(self._before.get(batch.of_process, self._opened_at), batch.at)
        self._before[batch.of_process] = batch.at
        kinds = {name for name, kind in types.items() if _counts(kind)}
        found: dict[Series, Counted] = {}
        for sample in batch.samples:
            if sample.type in kinds:
                series = sample.type, sample.environment_id
                since = self._counted.get(series, Counted(start, 0.0))
                found[series] = Counted(since.start, since.total + sample.value)
        if self._cumulative:
            kept = {
                series: counted
                for series, counted in self._counted.items()
                if series[0] not in kinds or series[1] is None
            }
            self._counted = kept | found
        return found

    def _request(
        self,
        batch: Batch,
        samples: Sequence[Sample],
        types: Mapping[str, MetricType],
        counted: Mapping[Series, Counted],
    ) -> ExportMetricsServiceRequest:
        by_type: dict[str, list[Sample]] = {}
        for sample in samples:
            by_type.setdefault(sample.type, []).append(sample)
        shared: list[Metric] = []
        own: list[Metric] = []
        for name, found in by_type.items():
            kind = types[name]
            points = [_point(sample, batch.at, counted) for sample in found]
            is_own = batch.of_process or _counts(kind)
            (own if is_own else shared).append(self._metric(kind, points))
        said = [(self._resources.shared, shared), (self._resources.own, own)]
        return ExportMetricsServiceRequest(
            [
                ResourceMetrics(resource, (ScopeMetrics(Scope("agentbox"), metrics),))
                for resource, metrics in said
                if metrics
            ]
        )

    def _metric(self, kind: MetricType, points: list[NumberDataPoint]) -> Metric:
        counts = _counts(kind)
        temporality = CUMULATIVE if self._cumulative else DELTA
        return Metric(
            name=f"{self._prefix}{kind.name}",
            description=kind.description,
            unit=UNITS.get(kind.unit, f"{{{kind.unit}}}"),
            gauge=None if counts else Gauge(points),
            sum=Sum(points, temporality, is_monotonic=True) if counts else None,
        )


def _point(sample: Sample, at: datetime, counted: Mapping[Series, Counted]) -> NumberDataPoint:
    said = counted.get((sample.type, sample.environment_id))
    return NumberDataPoint(
        start_time_unix_nano="" if said is None else _nanoseconds(min(said.start, at)),
        time_unix_nano=_nanoseconds(at),
        as_double=sample.value if said is None else said.total,
        attributes=_attributes(sample),
    )


def _counts(kind: MetricType) -> bool:
    return kind.kind is MetricKind.COUNTER


def _attributes(sample: Sample) -> tuple[KeyValue, ...]:
    if sample.environment_id is None:
        return ()
    return (KeyValue(ENVIRONMENT, AnyValue(sample.environment_id)),)


def _nanoseconds(at: datetime) -> str:
    return str((at - EPOCH) // timedelta(microseconds=1) * 1000)
