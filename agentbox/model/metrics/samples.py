"""What is measured, one measurement, and those of one tick."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class MetricKind(StrEnum):
    """A gauge says how much there is now; a counter how much there was since the tick before."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Aggregate(StrEnum):
    """How the samples of one step become one value."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    LAST = "last"


class MetricType(Struct, frozen=True, kw_only=True):
    """Something that is measured. `name` is the same in the API, in charts and in sinks.

    `per_environment` says that there is a series for each environment beside the one of all
    together. A series is told by its type and its environment and by nothing else, so that what
    clients send never makes a new one (OB-03).
    """

    name: str
    unit: str
    description: str
    kind: MetricKind = MetricKind.GAUGE
    per_environment: bool = False

    @property
    def aggregate(self) -> Aggregate:
        """What a chart shows unless it is told: the sum of a counter, the average of a gauge."""
        return Aggregate.SUM if self.kind is MetricKind.COUNTER else Aggregate.AVG


class Sample(Struct, frozen=True):
    """One measurement, finite; of an environment, or of everything together where there is none."""

    type: str
    value: float
    environment_id: str | None = None


class Batch(Struct, frozen=True, kw_only=True):
    """The samples of one tick. `at` is a multiple of the collection interval since 1970.

    `of_process` says that every process measures this for itself, and that what they say of one
    tick belongs together: counters are added up, gauges averaged.
    """

    at: datetime
    samples: tuple[Sample, ...]
    of_process: bool = False
