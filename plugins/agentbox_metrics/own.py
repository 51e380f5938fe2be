"""What this process did since the tick before, taken from the readings of agentbox itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from agentbox.model.metrics import MetricKind, MetricType, Sample
from agentbox.plugin import Family, Histogram, MetricSource, Readings


class Counted(NamedTuple):
    """A counter, and which readings are counted in it: those of a family whose label is so."""

    type: MetricType
    family: str
    label: str = ""
    holds: Callable[[str], bool] = bool


def _counter(name: str, description: str) -> MetricType:
    return MetricType(name=name, unit="count", description=description, kind=MetricKind.COUNTER)


COUNTED: Final = (
    Counted(
        _counter("logins", "Sign-ins that began a session."),
        "logins",
        "outcome",
        lambda outcome: outcome == "ok",
    ),
    Counted(
        _counter("logins_refused", "Sign-ins that did not, whatever the reason."),
        "logins",
        "outcome",
        lambda outcome: outcome != "ok",
    ),
    Counted(
        _counter("key_checks", "Credentials judged that were API keys."),
        "credential_checks",
        "kind",
        lambda kind: kind == "api_key",
    ),
    Counted(
        _counter("token_checks", "Credentials judged that were access tokens."),
        "credential_checks",
        "kind",
        lambda kind: kind == "access_token",
    ),
    Counted(_counter("throttled", "Requests that had to wait: 429."), "throttled"),
    Counted(_counter("requests", "Requests answered."), "http_request_duration_seconds"),
    Counted(
        _counter("request_errors", "Requests answered with a status of 500 and above."),
        "http_request_duration_seconds",
        "status",
        lambda status: status.startswith("5"),
    ),
)

DURATIONS: Final = "http_request_duration_seconds"

QUANTILES: Final = (
    (
        MetricType(
            name="request_seconds_p50",
            unit="seconds",
            description="Half of the requests took at most this long.",
        ),
        0.5,
    ),
    (
        MetricType(
            name="request_seconds_p99",
            unit="seconds",
            description="99 of 100 requests took at most this long.",
        ),
        0.99,
    ),
)


class Own(MetricSource):
    """Counters as what was added since the tick before; what no reading tells is left out."""

    of_process: ClassVar[bool] = True

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._before: dict[str, float] = {}
        self._buckets: tuple[int, ...] = ()

    @property
    def types(self) -> Sequence[MetricType]:
        """Counters, and how long requests took."""
        return (*(each.type for each in COUNTED), *(kind for kind, _ in QUANTILES))

    async def collect(self, now: datetime) -> Sequence[Sample]:
        """Costs no I/O."""
        families = {family.name: family for family in self._readings.of_process()}
        return [*self._counts(families), *self._quantiles(families.get(DURATIONS))]

    def _counts(self, families: Mapping[str, Family]) -> Iterator[Sample]:
        for each in COUNTED:
            if (family := families.get(each.family)) is None:
                continue
            total = sum(_number(value) for value in _chosen(family, each))
            before = self._before.get(each.type.name, 0.0)
            self._before[each.type.name] = total
            yield Sample(each.type.name, max(total - before, 0.0))

    def _quantiles(self, family: Family | None) -> Iterator[Sample]:
        histograms = [] if family is None else [*_histograms(family.values.values())]
        if not histograms:
            return
        bounds = histograms[0].bounds
        totals = tuple(
            sum(column) for column in zip(*(_buckets(h) for h in histograms), strict=True)
        )
        before = self._buckets or (0,) * len(totals)
        self._buckets = totals
        new = [total - was for total, was in zip(totals, before, strict=True)]
        for kind, share in QUANTILES:
            if (seconds := _quantile(bounds, new, share)) is not None:
                yield Sample(kind.name, seconds)


def _chosen(family: Family, each: Counted) -> Iterator[float | Histogram]:
    if not each.label:
        yield from family.values.values()
    elif each.label in family.labels:
        place = family.labels.index(each.label)
        yield from (value for labels, value in family.values.items() if each.holds(labels[place]))


def _number(value: float | Histogram) -> float:
    return value.count if isinstance(value, Histogram) else value


def _histograms(values: Iterable[float | Histogram]) -> Iterator[Histogram]:
    return (value for value in values if isinstance(value, Histogram))


def _buckets(histogram: Histogram) -> tuple[int, ...]:
    """How many took at most each bound, and how many there are: never fewer than before."""
    return (*histogram.counts, histogram.count)


def _quantile(bounds: Sequence[float], at_most: Sequence[int], share: float) -> float | None:
    """The value that so large a share is below, evenly spread inside its bucket; None of nothing.

    What is above the last bound is told as the last bound.
    """
    wanted = at_most[-1] * share
    if not wanted:
        return None
    below, floor = 0, 0.0
    for bound, count in zip(bounds, at_most, strict=False):
        if count >= wanted:
            return floor + (bound - floor) * (wanted - below) / (count - below)
        below, floor = count, bound
    return floor
