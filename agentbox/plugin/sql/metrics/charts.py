"""Charts: one statement for each, which reads of every level what no coarser one has yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from agentbox.model.metrics import Aggregate, Level, Point, SeriesQuery
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.sql.metrics.rows import (
    GREATEST,
    LEAST,
    TABLES,
    TOTAL,
    instant,
    next_multiple,
    seconds,
)
from agentbox.plugin.turns import in_turns

SERIES: Final = "(SELECT id FROM metric_series WHERE environment_id = $1 AND type = $2)"
# A level that was never made has no row, and ends before everything.
NOT_AFTER: Final = (
    "(SELECT CASE WHEN until < $4 THEN until WHEN until >= $4 THEN $4 ELSE 0 END FROM ({}) AS made)"
)
NOT_BEFORE: Final = "(SELECT CASE WHEN until > $3 THEN until ELSE $3 END FROM ({}) AS made)"

STEP: Final = "at / $5 * $5"
AGGREGATES: Final = {
    Aggregate.AVG: f"sum({TOTAL}) / sum(samples)",
    Aggregate.MIN: f"min({LEAST})",
    Aggregate.MAX: f"max({GREATEST})",
    Aggregate.SUM: f"sum({TOTAL})",
}


async def points(db: Connection, query: SeriesQuery) -> Sequence[Point]:
    """What `MetricStore.points` promises."""
    step = round(query.step.total_seconds())
    rows = await db.fetch(
        chart(query.level, query.aggregate),
        query.environment_id or "",
        query.type,
        next_multiple(seconds(query.start), step),
        next_multiple(seconds(query.end), step),
        step,
    )
    return [Point(instant(at), value) async for some in in_turns(rows) for at, value in some]


@lru_cache
def chart(level: Level, aggregate: Aggregate) -> str:
    """The statement: $1 and $2 are the series, $3 and $4 the span, both multiples of the step $5.

    All in seconds.
    """
    rows = " UNION ALL ".join(_parts(level))
    if aggregate is Aggregate.LAST:
        return (
            f"SELECT step, last FROM (SELECT {STEP} AS step, last,"
            f" row_number() OVER (PARTITION BY {STEP} ORDER BY at DESC) AS place"
            f" FROM ({rows}) AS parts) AS placed WHERE place = 1 ORDER BY step"
        )
    return f"SELECT {STEP}, {AGGREGATES[aggregate]} FROM ({rows}) AS parts GROUP BY 1 ORDER BY 1"


def _parts(level: Level) -> Iterator[str]:
    """The coarsest until it is made, each finer one from there until it is made, and raw samples.

    A sub-select without any of the names gives one row, of NULL.
    """
    coarser: list[str] = []
    each: Level | None = level
    while each is not None:
        conditions = [f"series_id = {SERIES}"]
        conditions.append(f"at >= {NOT_BEFORE.format(_until(coarser))}" if coarser else "at >= $3")
        conditions.append(
            "at < $4" if each is Level.RAW else f"at < {NOT_AFTER.format(_until([each]))}"
        )
        yield (
            f"SELECT at, samples, minimum, maximum, total, last FROM {TABLES[each]}"
            f" WHERE {' AND '.join(conditions)}"
        )
        coarser.append(each)
        each = each.finer


def _until(levels: Sequence[str]) -> str:
    names = ", ".join(f"'{level}'" for level in levels)
    return f"SELECT max(until) AS until FROM metric_levels WHERE level IN ({names})"
