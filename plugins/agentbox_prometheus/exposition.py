"""Families in the text formats of Prometheus (0.0.4) and OpenMetrics (1.0.0)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import exposition as text
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from agentbox.plugin import Family, Histogram, Page

PREFIX: Final = "agentbox_"

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def written(families: Sequence[Family], accept: str) -> Page:
    """The page in the form that the `Accept` header prefers; text where it says nothing."""
    metrics = _Metrics(families)
    if _prefers_openmetrics(accept):
        body: bytes = openmetrics.generate_latest(metrics)  # type: ignore[no-untyped-call]
        return Page(body, OPENMETRICS)
    return Page(text.generate_latest(metrics), TEXT)


class _Metrics(Collector):
    """What the library asks for metrics."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """In the order in which they were given."""
        return map(_metric, self._families)


def _metric(family: Family) -> Metric:
    name = PREFIX + family.name
    metric = Metric(name, family.description, family.kind)
    suffix = "_total" if family.kind == "counter" else ""
    for values, value in family.values.items():
        labels = dict(zip(family.labels, values, strict=True))
        if isinstance(value, Histogram):
            for part, further, number in _parts(value):
                metric.add_sample(name + part, labels | further, number)
        else:
            metric.add_sample(name + suffix, labels, value)
    return metric


def _parts(histogram: Histogram) -> Iterator[tuple[str, dict[str, str], float]]:
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        yield "_bucket", {"le": repr(float(bound))}, count
    yield "_bucket", {"le": "+Inf"}, histogram.count
    yield "_sum", {}, histogram.total
    yield "_count", {}, histogram.count


def _prefers_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics has a greater weight than the text format (RFC 9110 section 12.5.1)."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for offered in accept.split(","):
        media_type, *parameters = (part.strip() for part in offered.lower().split(";"))
        if media_type in weights and "version=0.0.1" not in parameters:
            weights[media_type] = max(weights[media_type], _weight(parameters))
    return weights["application/openmetrics-text"] > weights["text/plain"]


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
