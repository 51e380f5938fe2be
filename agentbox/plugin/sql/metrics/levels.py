"""Levels: made of the finer one, noted how far, and deleted when they are old."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from agentbox.model.metrics import Level
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.sql.metrics.rows import (
    COLUMNS,
    GREATEST,
    LEAST,
    LOCK,
    TABLES,
    TOTAL,
    instant,
    next_multiple,
    seconds,
    step_of,
)

NEXT_SERIES = "SELECT id FROM metric_series WHERE id > $1 ORDER BY id LIMIT $2"

SELECT_MARKS = "SELECT level, until FROM metric_levels"
ADD_MARK = (
    "INSERT INTO metric_levels (level, until, making) VALUES ($1, $2, $3)"
    " ON CONFLICT (level) DO NOTHING RETURNING level"
)
# Whoever writes samples lowers `making`, like `until`, to where their step begins.
MOVE_MARK = (
    "UPDATE metric_levels SET until = $2, making = $3 WHERE level = $1 AND until = $4"
    " AND (making IS NULL OR making >= $2) RETURNING level"
)

DELETE_SERIES = "DELETE FROM metric_series WHERE id > $1 AND id <= $2" + "".join(
    f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.series_id = metric_series.id)"
    for table in TABLES.values()
)

MOST_ROWS: Final = 500
"""Rows of one series that a call of `purge` deletes at most. Of each there are some hundred to
delete in an hour; a retention that was made shorter is caught up with in many small steps."""

ALL_TIMES: Final = 1 << 60


def _rolled_up(level: Level, finer: Level) -> str:
    # The last by time is found by the key: no database has it among its aggregates as others do.
    # Of what was made before there may be a few finer rows alone: those that came long after the
    # others were deleted.
    table, rows, step = TABLES[level], TABLES[finer], step_of(level)
    return (
        f"INSERT INTO {table} ({COLUMNS})"
        " SELECT made_steps.series_id, made_steps.at, made_steps.samples,"
        " CASE WHEN made_steps.least < made_steps.greatest THEN made_steps.least END,"
        " CASE WHEN made_steps.least < made_steps.greatest THEN made_steps.greatest END,"
        " CASE WHEN made_steps.least < made_steps.greatest THEN made_steps.total END, newest.last"
        f" FROM (SELECT series_id, at / {step} * {step} AS at, sum(samples) AS samples,"
        f" min({LEAST}) AS least, max({GREATEST}) AS greatest, sum({TOTAL}) AS total,"
        f" max(at) AS newest FROM {rows} WHERE series_id = $1 AND at >= $2 AND at < $3"
        f" GROUP BY 1, 2) AS made_steps JOIN {rows} AS newest"
        " ON newest.series_id = $1 AND newest.at = made_steps.newest WHERE true"
        " ON CONFLICT (series_id, at) DO UPDATE SET samples = excluded.samples,"
        " minimum = excluded.minimum, maximum = excluded.maximum, total = excluded.total,"
        f" last = excluded.last WHERE excluded.samples >= {table}.samples"
    )


def _series_with_oldest(table: str) -> str:
    return (
        "SELECT metric_series.id, metric_series.environment_id, environments.id,"
        f" (SELECT min({table}.at) FROM {table} WHERE {table}.series_id = metric_series.id)"
        " FROM metric_series LEFT JOIN environments"
        " ON environments.id = metric_series.environment_id"
        " WHERE metric_series.id > $1 ORDER BY metric_series.id LIMIT $2"
    )


def _oldest(table: str) -> str:
    # Series by series along their key, which begins with the series.
    return (
        f"SELECT min((SELECT min({table}.at) FROM {table}"
        f" WHERE {table}.series_id = metric_series.id AND {table}.at >= $1)) FROM metric_series"
    )


def _delete_old(table: str) -> str:
    return (
        f"DELETE FROM {table} WHERE series_id = $1 AND at < $2 AND at < COALESCE(("
        f"SELECT kept.at FROM {table} AS kept WHERE kept.series_id = $1 AND kept.at < $2"
        " ORDER BY kept.at LIMIT 1 OFFSET $3), $2)"
    )


ROLL_UP = {level: _rolled_up(level, finer) for level in Level if (finer := level.finer)}
OLDEST = {level: _oldest(table) for level, table in TABLES.items()}
SERIES_WITH_OLDEST = {level: _series_with_oldest(table) for level, table in TABLES.items()}
DELETE_OLD = {level: _delete_old(table) for level, table in TABLES.items()}


async def roll_up(
    db: Connection, level: Level, start: datetime, end: datetime, after: int, limit: int
) -> int | None:
    """What `MetricStore.roll_up` promises."""
    step = step_of(level)
    first, stop = (next_multiple(at, step) for at in (start, end))
    await db.lock(LOCK)
    numbers = [row[0] for row in await db.fetch(NEXT_SERIES, after, limit)]
    await db.run_many(ROLL_UP[level], [(number, first, stop) for number in numbers])
    return numbers[-1] if numbers else None


async def oldest(db: Connection, level: Level, since: datetime) -> datetime | None:
    """What `MetricStore.oldest` promises."""
    at = (await db.fetch(OLDEST[level], next_multiple(since, 1)))[0][0]
    return None if at is None else instant(at)


async def rolled_up(db: Connection) -> Mapping[Level, datetime]:
    """What `MetricStore.rolled_up` promises."""
    return {Level(level): instant(until) for level, until in await db.fetch(SELECT_MARKS)}


async def note_rolled_up(
    db: Connection,
    level: Level,
    until: datetime,
    was: datetime | None,
    making: datetime | None,
) -> bool:
    """What `MetricStore.note_rolled_up` promises."""
    if level.finer:
        # Before the row, which those who write samples change while they hold the lock.
        await db.lock(LOCK)
    about_to = None if making is None else seconds(making)
    marks = (level.value, seconds(until), about_to)
    if was is None:
        return bool(await db.fetch(ADD_MARK, *marks))
    return bool(await db.fetch(MOVE_MARK, *marks, seconds(was)))


async def purge(
    db: Connection, level: Level, before: datetime, after: int, limit: int
) -> int | None:
    """What `MetricStore.purge` promises."""
    await db.lock(LOCK)
    old = left = await _old(db, level, before, after, limit)
    if old.bounds:
        rows = [(number, bound, MOST_ROWS) for number, bound in old.bounds.items()]
        await db.run_many(DELETE_OLD[level], rows)
        left = await _old(db, level, before, after, limit)
    if old.last is None:
        return None
    # A series with more rows than are deleted at once is the first of the next call.
    done = min(left.bounds, default=old.last + 1) - 1
    await db.fetch(DELETE_SERIES, after, done)
    return done


class _Old(NamedTuple):
    """Series with rows to delete, and before when; the last that was looked at, if any was."""

    bounds: Mapping[int, int]
    last: int | None


async def _old(db: Connection, level: Level, before: datetime, after: int, limit: int) -> _Old:
    found = await db.fetch(SERIES_WITH_OLDEST[level], after, limit)
    bounds = {}
    for number, environment_id, there, oldest in found:
        is_gone = bool(environment_id) and there is None
        bound = ALL_TIMES if is_gone else seconds(before)
        if oldest is not None and oldest < bound:
            bounds[number] = bound
    return _Old(bounds, found[-1][0] if found else None)
