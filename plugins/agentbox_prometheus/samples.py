"""What was collected last, as readings: gauges in base units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.plugin import Family

UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "millicores": ("_cores", 0.001),
    "percent": ("_ratio", 0.01),
    "MiB": ("_bytes", float(1 << 20)),
    "KiB": ("_bytes", float(1 << 10)),
    "bytes": ("_bytes", 1.0),
    "seconds": ("_seconds", 1.0),
    "milliseconds": ("_seconds", 0.001),
}
"""What is added to a name, and what a value is multiplied with."""


class _Measured(NamedTuple):
    type: MetricType
    at: float
    of_process: bool
    values: Mapping[str | None, float]


class Samples:
    """The last samples of each type; those of everything together, and with `per_environment` those
    of each environment, under a name of their own.

    Counters are left out: a batch has what was added since the one before, and what processes count
    is on the page as it is.
    """

    def __init__(self, *, per_environment: bool) -> None:
        self._per_environment = per_environment
        self._last: dict[str, _Measured] = {}

    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """What was measured of a type before is gone."""
        in_order = sorted(batch.samples, key=lambda sample: sample.type)
        for name, some in groupby(in_order, key=lambda sample: sample.type):
            if types[name].kind is MetricKind.GAUGE:
                values = self._values(some)
                at = batch.at.timestamp()
                self._last[name] = _Measured(types[name], at, batch.of_process, values)

    def families(self) -> Sequence[Family]:
        """As they are now."""
        return list(self._families())

    def _values(self, samples: Iterable[Sample]) -> Mapping[str | None, float]:
        return {
            sample.environment_id: sample.value
            for sample in samples
            if sample.environment_id is None or self._per_environment
        }

    def _families(self) -> Iterator[Family]:
        for measured in self._last.values():
            kind = measured.type
            suffix, factor = UNITS.get(kind.unit, ("", 1.0))
            if suffix.removeprefix("_") in kind.name.split("_"):
                suffix = ""
            name = kind.name + suffix
            of_all = measured.values.get(None)
            if of_all is not None:
                yield _gauge(measured, name, (), {(): of_all * factor})
            of_each: dict[tuple[str, ...], float] = {
                (environment,): value * factor
                for environment, value in measured.values.items()
                if environment is not None
            }
            if of_each:
                yield _gauge(measured, f"environment_{name}", ("environment",), of_each)


def _gauge(
    measured: _Measured,
    name: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], float],
) -> Family:
    return Family(
        name=name,
        kind="gauge",
        description=measured.type.description,
        labels=labels,
        values=values,
        together="average" if measured.of_process else "last",
        at=measured.at,
    )
