"""Writing raw samples: which series they belong to, which is made if it is not there yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final

from agentbox.errors import StorageError
from agentbox.model.metrics import STEPS, Sample
from agentbox.plugin.sql.conditions import filled, with_places
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.sql.metrics.rows import GREATEST, LEAST, LOCK, TOTAL, seconds, step_of

FIND_SERIES = "SELECT environment_id, type, id FROM metric_series WHERE environment_id IN ({in})"
ADD_SERIES = (
    "INSERT INTO metric_series (environment_id, type) VALUES ('', $1)"
    " ON CONFLICT (environment_id, type) DO NOTHING"
)
# From the environment's own row: none is made for one that is gone meanwhile.
ADD_SERIES_OF_ENVIRONMENT = (
    "INSERT INTO metric_series (environment_id, type)"
    " SELECT environments.id, $2 FROM environments WHERE environments.id = $1"
    " ON CONFLICT (environment_id, type) DO NOTHING"
)

PUT = (
    "INSERT INTO metric_raw (series_id, at, samples, last) VALUES ($1, $2, 1, $3)"
    " ON CONFLICT (series_id, at) DO NOTHING"
)

MADE: Final = [(level.value, step_of(level)) for level in STEPS]


def _of_old_row(expression: str) -> str:
    """Columns have the same names in the row that is there and in the one that comes."""
    for column in ("minimum", "maximum", "total", "last", "samples"):
        expression = expression.replace(column, f"metric_raw.{column}")
    return expression


OLD_LEAST, OLD_GREATEST, OLD_TOTAL = map(_of_old_row, (LEAST, GREATEST, TOTAL))
ADD = (
    "INSERT INTO metric_raw (series_id, at, samples, last) VALUES ($1, $2, 1, $3)"
    " ON CONFLICT (series_id, at) DO UPDATE SET samples = metric_raw.samples + 1,"
    f" minimum = CASE WHEN {OLD_LEAST} < excluded.last THEN {OLD_LEAST} ELSE excluded.last END,"
    f" maximum = CASE WHEN {OLD_GREATEST} > excluded.last THEN {OLD_GREATEST}"
    f" ELSE excluded.last END, total = {OLD_TOTAL} + excluded.last, last = excluded.last"
)
# Rows of a step that is made already are seen by no chart until it is made anew. One that is about
# to be made may have its row already, without what comes now.
AT = "CAST($1 AS bigint)"
STEP_OF_LEVEL = "".join(f" WHEN '{level}' THEN {AT} / {step} * {step}" for level, step in MADE)
TAKE_BACK = (
    "UPDATE metric_levels SET"
    f" until = CASE WHEN until > {AT} THEN CASE level{STEP_OF_LEVEL} END ELSE until END,"
    f" making = CASE WHEN making > {AT} THEN CASE level{STEP_OF_LEVEL} END ELSE making END"
    f" WHERE level IN ({', '.join(repr(level) for level, _ in MADE)})"
    f" AND (until > {AT} OR making > {AT})"
)
LARGEST: Final = 1e200
"""What is beyond could not be added up."""

MANY: Final = 512
"""Environments that are asked for in one statement."""

Key = tuple[str, str]


async def write(db: Connection, statement: str, at: datetime, samples: Sequence[Sample]) -> None:
    """`PUT` or `ADD` them. Raises `StorageError` for a value that is not finite."""
    tick = seconds(at)
    for sample in samples:
        # Also false of what is no number.
        if not abs(sample.value) <= LARGEST:
            raise StorageError(f"a sample of {sample.type} is no number that can be kept")
    await db.lock(LOCK)
    numbers = await series_of(db, samples)
    rows: list[tuple[int, int, float]] = [
        # A whole number may be larger than a driver takes, which would refuse everybody's with it.
        (number, tick, float(sample.value))
        for sample in samples
        if (number := numbers.get(_key(sample))) is not None
    ]
    rows.sort(key=itemgetter(0))
    await db.run_many(statement, rows)
    if rows:
        await db.fetch(TAKE_BACK, tick)


async def series_of(db: Connection, samples: Iterable[Sample]) -> Mapping[Key, int]:
    """The number of each series that there is, or could be made."""
    wanted = {_key(sample) for sample in samples}
    found = await _find(db, wanted)
    if missing := wanted - found.keys():
        of_all = [(type_,) for environment_id, type_ in sorted(missing) if not environment_id]
        await db.run_many(ADD_SERIES, of_all)
        await db.run_many(ADD_SERIES_OF_ENVIRONMENT, sorted(key for key in missing if key[0]))
        found |= await _find(db, missing)
    return found


async def _find(db: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    ids = sorted({environment_id for environment_id, _ in keys})
    found: dict[Key, int] = {}
    for first in range(0, len(ids), MANY):
        some = filled(ids[first : first + MANY])
        rows = await db.fetch(with_places(FIND_SERIES, len(some)), *some)
        found |= {(environment_id, type_): number for environment_id, type_, number in rows}
    return found


def _key(sample: Sample) -> Key:
    return sample.environment_id or "", sample.type
