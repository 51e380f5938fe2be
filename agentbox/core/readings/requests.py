"""How many requests there were, and how long they took.

A route counts in objects of its own, so that a request costs a few additions and makes nothing.
Labels come from the route table, a list of methods and the classes of statuses, never from what a
client sends (OB-03).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from agentbox.plugin.metrics import Family, Histogram

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds that are told apart."""

NO_ROUTE: Final = "none"
"""What names no route, asks it by another method, or is refused before it is looked for."""

OTHER: Final = "other"

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER)

CLASSES: Final = (OTHER, "1xx", "2xx", "3xx", "4xx", "5xx")

ALWAYS: Final = frozenset({"2xx", "4xx", "5xx"})
"""Classes that are told before there is one, so that the first is seen as an increase."""


class Durations:
    """How long the requests of one group and class took."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def histogram(self) -> Histogram:
        """As it is now."""
        counts = tuple(accumulate(self.buckets))
        return Histogram(BOUNDS, counts[:-1], counts[-1], self.total)


class _Cell:
    __slots__ = ("count", "durations")

    def __init__(self, durations: Durations) -> None:
        self.count = 0
        self.durations = durations


class RouteCounts:
    """What is counted of one route and method."""

    __slots__ = ("cells",)

    def __init__(self, durations: Sequence[Durations]) -> None:
        self.cells = [_Cell(each) for each in durations]

    def note(self, status: int, seconds: float) -> None:
        """A request was answered so, after so long."""
        cell = self.cells[status // 100 if 100 <= status < 600 else 0]
        cell.count += 1
        durations = cell.durations
        durations.total += seconds
        durations.buckets[bisect_left(BOUNDS, seconds)] += 1


class RequestCounts:
    """The requests that this process has answered."""

    def __init__(self) -> None:
        self._groups: dict[str, list[Durations]] = {}
        self._routes: dict[tuple[str, str], RouteCounts] = {}
        self._unrouted = {method: self.of(NO_ROUTE, method, NO_ROUTE) for method in METHODS}
        self._other = self._unrouted[OTHER]

    def of(self, path: str, method: str, group: str) -> RouteCounts:
        """What counts a row of the route table, the same one each time; HEAD counts as GET."""
        durations = self._groups.setdefault(group, [Durations() for _ in CLASSES])
        return self._routes.setdefault((path, method), RouteCounts(durations))

    def unrouted(self, method: str) -> RouteCounts:
        """What counts requests for which there is no route."""
        return self._unrouted.get(method, self._other)

    def families(self) -> Iterator[Family]:
        """`http_requests`, and `http_request_duration_seconds` by group of routes."""
        yield Family(
            name="http_requests",
            kind="counter",
            description="Requests that were answered, by route, method and class of status.",
            labels=("route", "method", "status"),
            values={
                (path, method, status): cell.count
                for (path, method), counts in self._routes.items()
                for status, cell in zip(CLASSES, counts.cells, strict=True)
                if cell.count or status == "4xx" or (status in ALWAYS and path != NO_ROUTE)
            },
        )
        yield Family(
            name="http_request_duration_seconds",
            kind="histogram",
            description="How long requests took, by group of routes and class of status.",
            labels=("group", "status"),
            values={
                (group, status): durations.histogram()
                for group, of_group in self._groups.items()
                for status, durations in zip(CLASSES, of_group, strict=True)
                if status in ALWAYS or any(durations.buckets)
            },
        )
