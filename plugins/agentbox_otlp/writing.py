"""Batches as requests of OTLP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

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

_encode = msgspec.json.Encoder().encode


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
        self._totals: dict[tuple[str, str | None], float] = {}

    def requests(self, batch: Batch, types: Mapping[str, MetricType]) -> Iterator[bytes]:
        """The bodies to post, one after the other."""
        start = self._start(batch)
        samples = self._added_up(batch.samples, types) if self._cumulative else batch.samples
        for first in range(0, len(samples), AT_ONCE):
            some = samples[first : first + AT_ONCE]
            yield _encode(self._request(batch, some, types, start))

    def _start(self, batch: Batch) -> datetime:
        start = self._opened_at
        if not self._cumulative:
            start = self._before.get(batch.of_process, start)
            self._before[batch.of_process] = batch.at
        return min(start, batch.at)

    def _added_up(
        self, samples: Sequence[Sample], types: Mapping[str, MetricType]
    ) -> Sequence[Sample]:
        return [self._total(s) if _counts(types[s.type]) else s for s in samples]

    def _total(self, sample: Sample) -> Sample:
        series = (sample.type, sample.environment_id)
        self._totals[series] = self._totals.get(series, 0.0) + sample.value
        return Sample(sample.type, self._totals[series], sample.environment_id)

    def _request(
        self,
        batch: Batch,
        samples: Sequence[Sample],
        types: Mapping[str, MetricType],
        start: datetime,
    ) -> ExportMetricsServiceRequest:
        by_type: dict[str, list[Sample]] = {}
        for sample in samples:
            by_type.setdefault(sample.type, []).append(sample)
        shared: list[Metric] = []
        own: list[Metric] = []
        for name, found in by_type.items():
            kind = types[name]
            is_own = batch.of_process or _counts(kind)
            (own if is_own else shared).append(self._metric(kind, found, batch.at, start))
        said = [(self._resources.shared, shared), (self._resources.own, own)]
        return ExportMetricsServiceRequest(
            [
                ResourceMetrics(resource, (ScopeMetrics(Scope("agentbox"), metrics),))
                for resource, metrics in said
                if metrics
            ]
        )

    def _metric(
        self, kind: MetricType, samples: Sequence[Sample], at: datetime, start: datetime
    ) -> Metric:
        counts = _counts(kind)
        began = _nanoseconds(start) if counts else ""
        points = [
            NumberDataPoint(
                start_time_unix_nano=began,
                time_unix_nano=_nanoseconds(at),
                as_double=sample.value,
                attributes=_attributes(sample),
            )
            for sample in samples
        ]
        temporality = CUMULATIVE if self._cumulative else DELTA
        return Metric(
            name=f"{self._prefix}{kind.name}",
            description=kind.description,
            unit=UNITS.get(kind.unit, f"{{{kind.unit}}}"),
            gauge=None if counts else Gauge(points),
            sum=Sum(points, temporality, is_monotonic=True) if counts else None,
        )


def _counts(kind: MetricType) -> bool:
    return kind.kind is MetricKind.COUNTER


def _attributes(sample: Sample) -> tuple[KeyValue, ...]:
    if sample.environment_id is None:
        return ()
    return (KeyValue(ENVIRONMENT, AnyValue(sample.environment_id)),)


def _nanoseconds(at: datetime) -> str:
    return str((at - EPOCH) // timedelta(microseconds=1) * 1000)
