"""The readings of several processes as those of one server.

All families fit (`checking.fits`), so that nothing here can fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from agentbox.core.counters import LARGEST
from agentbox.plugin.metrics import Family, Histogram

Values = Mapping[tuple[str, ...], float | Histogram]

_Bounds = tuple[float, ...]
_Shape = tuple[str, str, tuple[str, ...], _Bounds | None]
"""A family's name, its kind, its labels, and the bounds if it is of histograms."""


def added(processes: Iterable[Sequence[Family]]) -> list[Family]:
    """Families by name, in the order in which they are first met.

    A server that is renewed may have two versions for a while, with other labels or bounds: what
    can't be added up is left out, and what is met first counts.
    """
    found: dict[str, list[Family]] = {}
    for families in processes:
        for family in families:
            found.setdefault(family.name, []).append(family)
    return [_together(some) for some in found.values()]


def kept(processes: Iterable[Sequence[Family]]) -> list[Family]:
    """What stays of processes that have ended, all of it: a name that they have told with several
    labels or bounds is there several times."""
    found: dict[_Shape, list[Family]] = {}
    for families in processes:
        for shape, family in _by_shape(lasting(families)):
            found.setdefault(shape, []).append(family)
    return [_together(some) for some in found.values()]


def lasting(families: Iterable[Family]) -> list[Family]:
    """What is left of a process that has ended: its gauges are nobody's any more."""
    return [family for family in families if family.kind != "gauge"]


def summed(histograms: Sequence[Histogram]) -> Histogram:
    """Those that have the bounds of the first one, as one."""
    bounds = histograms[0].bounds
    alike = [each for each in histograms if each.bounds == bounds]
    return Histogram(
        bounds,
        tuple(_number(some) for some in zip(*(each.counts for each in alike), strict=True)),
        _number(each.count for each in alike),
        sum(each.total for each in alike),
    )


def _by_shape(families: Iterable[Family]) -> Iterator[tuple[_Shape, Family]]:
    for family in families:
        parts: dict[_Bounds | None, dict[tuple[str, ...], float | Histogram]] = {}
        for labels, value in family.values.items():
            bounds = value.bounds if isinstance(value, Histogram) else None
            parts.setdefault(bounds, {})[labels] = value
        for bounds, values in parts.items():
            part = msgspec.structs.replace(family, values=values)
            yield (family.name, family.kind, family.labels, bounds), part


def _together(families: Sequence[Family]) -> Family:
    first = families[0]
    if len(families) == 1:
        return first
    if first.kind == "gauge" and first.together == "last":
        return max(families, key=lambda family: family.at or 0.0)
    alike = [each for each in families if (each.kind, each.labels) == (first.kind, first.labels)]
    gathered: dict[tuple[str, ...], list[float | Histogram]] = {}
    for family in alike:
        for labels, value in family.values.items():
            gathered.setdefault(labels, []).append(value)
    ours = {value.bounds for value in first.values.values() if isinstance(value, Histogram)}
    values = {labels: _one(first, some, ours) for labels, some in gathered.items()}
    at = max((each.at for each in alike if each.at is not None), default=None)
    return msgspec.structs.replace(first, values=values, at=at)


def _one(
    family: Family, values: Sequence[float | Histogram], ours: Collection[_Bounds]
) -> float | Histogram:
    if family.kind == "histogram":
        histograms = [value for value in values if isinstance(value, Histogram)]
        return summed(sorted(histograms, key=lambda each: each.bounds not in ours))
    numbers = [value for value in values if not isinstance(value, Histogram)]
    if family.kind == "gauge" and family.together == "largest":
        return max(numbers)
    if family.kind == "gauge" and family.together == "average":
        return sum(numbers) / len(numbers)
    return sum(numbers)


def _number(counts: Iterable[int]) -> int:
    return min(sum(counts), LARGEST)
