"""A month of series: the last hours put and rolled up by the code that does it, and what was before
them copied from there with shifted times."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from agentbox.model.metrics import STEPS, Level, Sample
from agentbox.plugin.sql.metrics.rows import COLUMNS, TABLES, seconds, step_of
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import a_user, an_environment
from agentbox.testing.storage.charts import START

INTERVAL = timedelta(seconds=30)
NOW = START + timedelta(days=60, hours=1, minutes=34, seconds=30)
"""The last tick. No level ends there, and a day has ended not long before."""

KEPT = {
    Level.RAW: timedelta(days=1),
    Level.MINUTE: timedelta(days=3),
    Level.HOUR: timedelta(days=30),
    Level.DAY: timedelta(days=730),
}
"""As long as they are kept unless told otherwise; what was measured is a month of it."""

MONTH = timedelta(days=30)

OF_ENVIRONMENTS = ("running_sandboxes", "cpu_usage", "memory_usage", "start_time")
OF_ALL = (*OF_ENVIRONMENTS, "users", "sessions", "host_cpu", "host_memory", "requests", "logins")

AT_ONCE = 500
"""Samples of a transaction, as the sink `database` writes them."""

PIECE = timedelta(minutes=15)
"""How much of a level is made at a time: so many rows of a series then lie side by side."""

SERIES_AT_ONCE = 50
"""Series that are rolled up, or rid of old rows, in one transaction."""

Run = Callable[[str], Any]
"""Runs a statement in a transaction of its own, however long it takes."""


async def add_environments(storage: Storage, number: int) -> Sequence[str]:
    """That many, with their owner; their ids."""
    ids = [f"environment-{place:022}" for place in range(number)]
    async with storage.transaction() as tx:
        await tx.users.add(a_user())
        for id_ in ids:
            await tx.environments.add(an_environment(id_))
    return ids


def ticks(ids: Sequence[str]) -> Iterator[list[Sample]]:
    """One after the other. No two values are alike, which takes the most room that they can."""
    chance = random.Random(7)
    series = [(type_, id_) for id_ in ids for type_ in OF_ENVIRONMENTS]
    series += [(type_, None) for type_ in OF_ALL]
    while True:
        yield [Sample(type_, chance.uniform(1, 4000), id_) for type_, id_ in series]


async def put(storage: Storage, at: datetime, samples: Sequence[Sample]) -> None:
    """As the sink does."""
    for first in range(0, len(samples), AT_ONCE):
        async with storage.transaction() as tx:
            await tx.metrics.put(at, samples[first : first + AT_ONCE])


async def roll_up(storage: Storage, level: Level, start: datetime, end: datetime) -> None:
    """As the job does."""
    after: int | None = 0
    while after is not None:
        async with storage.transaction() as tx:
            after = await tx.metrics.roll_up(level, start, end, after=after, limit=SERIES_AT_ONCE)
    async with storage.transaction() as tx:
        was = (await tx.metrics.rolled_up()).get(level)
        await tx.metrics.note_rolled_up(level, end, was=was)


async def measure(storage: Storage, ids: Sequence[str], span: timedelta) -> None:
    """Live through that long, until `NOW`: each tick put, each level made once it is complete."""
    at = _floor(NOW - span, STEPS[Level.HOUR])
    made = {level: _floor(at, step) for level, step in STEPS.items()}
    for samples in ticks(ids):
        await put(storage, at, samples)
        for level, step in STEPS.items():
            end = _floor(at - 2 * INTERVAL, max(step, PIECE))
            if end > made[level]:
                await roll_up(storage, level, made[level], end)
                made[level] = end
        at += INTERVAL
        if at > NOW:
            return


def widen(run: Run, span: timedelta) -> None:
    """Copy what was measured in that span to before it, until as much is there as is kept.

    In the order in which it would have been written, so that it takes as much room.
    """
    for level, table in TABLES.items():
        step = timedelta(seconds=step_of(level))
        first, unit = _floor(_floor(NOW - span, STEPS[Level.HOUR]), step), max(span, step)
        piece = 1 if level is Level.RAW else max(step, PIECE) // timedelta(seconds=1)
        oldest = NOW - min(KEPT[level], MONTH)
        for copy in range((first - oldest) // unit + 1, 0, -1):
            shift = seconds(START + copy * unit) - seconds(START)
            run(
                f"INSERT INTO {table} ({COLUMNS}) SELECT series_id, at - {shift},"
                f" samples, minimum, maximum, total, last FROM {table}"
                f" WHERE at >= {seconds(first)} AND at < {seconds(first + unit)}"
                f" AND at - {shift} >= {seconds(oldest)} ORDER BY at / {piece}, series_id, at"
            )


def _floor(at: datetime, step: timedelta) -> datetime:
    return START + (at - START) // step * step
