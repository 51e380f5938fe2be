"""A series as lines of text: bars as high as its values, and nothing where nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple

from agentbox.core.charts.series import Series
from agentbox.model.metrics import Aggregate
from agentbox.model.times import format_duration

HEIGHT: Final = 8
MARGIN: Final = 10
NARROWEST: Final = 20
"""Columns that are drawn however narrow the terminal is."""


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


_MERGED: Final[dict[Aggregate, Callable[[Sequence[float]], float]]] = {
    Aggregate.MIN: min,
    Aggregate.MAX: max,
    Aggregate.LAST: itemgetter(-1),
}
"""How points that share a column become one bar; by default their average."""


class Signs(NamedTuple):
    """What is drawn with: a cell that is filled by 0 to 8 eighths, and the axes."""

    eighths: str
    upright: str
    corner: str
    level: str
    tick: str


UNICODE: Final = Signs(" ▁▂▃▄▅▆▇█", "│", "└", "─", "┴")
ASCII: Final = Signs(" ..::||##", "|", "+", "-", "+")


class Drawing:
    """Draws on a terminal of that width."""

    def __init__(self, width: int, *, in_ascii: bool) -> None:
        self.columns = max(width - MARGIN - 1, NARROWEST)
        """How many bars fit beside each other."""

        self._signs = ASCII if in_ascii else UNICODE

    def lines(self, series: Series) -> Iterator[str]:
        """Title, bars, time axis, and the least, greatest and last value."""
        plan = series.plan
        unit = f" in {series.type.unit}" if series.type.unit not in ("", "count") else ""
        yield f"{series.type.name}{unit}, {series.aggregate} of each {format_duration(plan.step)}"
        if series.environment_id is not None:
            yield f"environment {series.environment_id}"
        if not series.points:
            yield f"Nothing was measured {_from_to(plan.start, plan.until)}."
            return
        bars = self._bars(series)
        values = [value for _, value in series.points]
        low, high = min(0.0, *values), max(values)
        if low == high:
            high = low + max(abs(low), 1.0)
        yield from self._area(bars, low, high)
        yield from self._axis(series, len(bars))
        yield _summary(series)

    def _bars(self, series: Series) -> list[float | None]:
        """A value for each column, None where there is none."""
        plan = series.plan
        slots: list[float | None] = [None] * plan.slots
        for at, value in series.points:
            slots[(at - plan.start) // plan.step] = value
        if len(slots) <= self.columns:
            wide = self.columns // len(slots)
            return [value for value in slots for _ in range(wide)]
        several = self._several(len(slots))
        merged = _MERGED.get(series.aggregate, _average)
        parts = (slots[at : at + several] for at in range(0, len(slots), several))
        known = ([value for value in part if value is not None] for part in parts)
        return [merged(values) if values else None for values in known]

    def _several(self, slots: int) -> int:
        """How many points share a column."""
        return -(-slots // self.columns)

    def _area(self, bars: Sequence[float | None], low: float, high: float) -> Iterator[str]:
        heights = [None if each is None else _height(each, low, high) for each in bars]
        labels = {HEIGHT - 1: high, HEIGHT // 2 - 1: low + (high - low) / 2, 0: low}
        for row in reversed(range(HEIGHT)):
            cells = "".join(
                " " if each is None else self._signs.eighths[min(max(each - 8 * row, 0), 8)]
                for each in heights
            )
            label = number(labels[row]) if row in labels else ""
            yield f"{label:>{MARGIN - 1}} {self._signs.upright}{cells}".rstrip()

    def _axis(self, series: Series, width: int) -> Iterator[str]:
        plan = series.plan
        per_column = (
            plan.step * self._several(plan.slots)
            if plan.slots > self.columns
            else plan.step / (width // plan.slots)
        )
        shape = _time_shape(per_column * width, plan.step)
        length = len(format(plan.start, shape))
        ticks, labels = [self._signs.level] * width, [" "] * (width + length)
        for place in range(0, max(width - length, 1), length + 6):
            ticks[place] = self._signs.tick
            labels[place : place + length] = format(plan.start + place * per_column, shape)
        yield f"{'':{MARGIN}}{self._signs.corner}{''.join(ticks)}"
        yield f"{'':{MARGIN + 1}}{''.join(labels)}".rstrip()


def number(value: float) -> str:
    """Short enough for the margin."""
    if 1000 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _height(value: float, low: float, high: float) -> int:
    """In eighths of a row; what was measured is seen, however little it is."""
    return max(round((value - low) / (high - low) * 8 * HEIGHT), 1)


def _time_shape(length: timedelta, step: timedelta) -> str:
    if step >= timedelta(days=1):
        return "%Y-%m-%d"
    return "%H:%M" if length <= timedelta(hours=36) else "%m-%d %H:%M"


def _summary(series: Series) -> str:
    values = [value for _, value in series.points]
    at, last = series.points[-1]
    return (
        f"min {number(min(values))}  max {number(max(values))}  last {number(last)}"
        f" at {format(at, '%Y-%m-%d %H:%M:%S')}Z"
    )


def _from_to(start: datetime, end: datetime) -> str:
    shape = "%Y-%m-%d %H:%M:%SZ"
    return f"from {format(start, shape)} to {format(end, shape)}"
