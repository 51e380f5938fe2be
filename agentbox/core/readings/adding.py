"""The readings of several processes as those of one server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from agentbox.plugin.metrics import Family, Histogram

Values = Mapping[tuple[str, ...], float | Histogram]


def added(processes: Iterable[Sequence[Family]]) -> list[Family]:
    """Families by name, in the order in which they are first met."""
    found: dict[str, list[Family]] = {}
    for families in processes:
        for family in families:
            found.setdefault(family.name, []).append(family)
    return [_together(some) for some in found.values()]


def lasting(families: Iterable[Family]) -> list[Family]:
    """What is left of a process that has ended: its gauges are nobody's any more."""
    return [family for family in families if family.kind != "gauge"]


def _together(families: Sequence[Family]) -> Family:
    first = families[0]
    if len(families) == 1:
        return first
    if first.kind == "gauge" and first.together == "last":
        return max(families, key=lambda family: family.at or 0.0)
    # A server that is renewed may have two versions for a while, with other labels.
    alike = [each for each in families if (each.kind, each.labels) == (first.kind, first.labels)]
    gathered: dict[tuple[str, ...], list[float | Histogram]] = {}
    for family in alike:
        for labels, value in family.values.items():
            gathered.setdefault(labels, []).append(value)
    values = {labels: _one(first, some) for labels, some in gathered.items()}
    at = max((each.at for each in alike if each.at is not None), default=None)
    return msgspec.structs.replace(first, values=values, at=at)


def _one(family: Family, values: Sequence[float | Histogram]) -> float | Histogram:
    numbers = [value for value in values if not isinstance(value, Histogram)]
    if family.kind == "histogram":
        return _sum([value for value in values if isinstance(value, Histogram)])
    if family.kind == "gauge" and family.together == "largest":
        return max(numbers)
    if family.kind == "gauge" and family.together == "average":
        return sum(numbers) / len(numbers)
    return sum(numbers)


def _sum(histograms: Sequence[Histogram]) -> Histogram:
    bounds = histograms[0].bounds
    alike = [each for each in histograms if each.bounds == bounds]
    return Histogram(
        bounds,
        tuple(map(sum, zip(*(each.counts for each in alike), strict=True))),
        sum(each.count for each in alike),
        sum(each.total for each in alike),
    )
