"""Series as the suite fills, makes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from agentbox.model.metrics import Aggregate, Level, Point, Sample, SeriesQuery
from agentbox.plugin.storage import Transaction
from agentbox.testing.samples import NOON, a_user, an_environment

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

START: Final = NOON.replace(hour=0, second=0, microsecond=0)
"""Midnight: a multiple of every step."""

CPU, USERS = "cpu_usage", "users"

ENVIRONMENT: Final = "environment-1"


async def add_environment(tx: Transaction, environment_id: str = ENVIRONMENT) -> None:
    """One that runs, with its owner where there is none."""
    if await tx.users.get("user-1") is None:
        await tx.users.add(a_user())
    await tx.environments.add(an_environment(environment_id))


async def put_values(
    tx: Transaction,
    *values: float,
    start: datetime = START,
    every: timedelta = 30 * SECOND,
    environment_id: str | None = ENVIRONMENT,
) -> None:
    """A sample of cpu_usage each, one tick after the other."""
    for number, value in enumerate(values):
        await tx.metrics.put(start + number * every, [Sample(CPU, value, environment_id)])


async def chart(
    tx: Transaction,
    aggregate: Aggregate = Aggregate.AVG,
    *,
    level: Level = Level.RAW,
    step: timedelta = 30 * SECOND,
    start: datetime = START,
    end: datetime = START + timedelta(days=2),
    type_: str = CPU,
    environment_id: str | None = ENVIRONMENT,
) -> list[Point]:
    """The points; each is equal to a tuple of its time and value."""
    query = SeriesQuery(
        type=type_,
        environment_id=environment_id,
        start=start,
        end=end,
        step=step,
        level=level,
        aggregate=aggregate,
    )
    return list(await tx.metrics.points(query))


async def roll_up(
    tx: Transaction,
    level: Level,
    *,
    until: datetime = START + timedelta(days=2),
    note: bool = True,
) -> None:
    """Make a level from the start, of all series, and say so."""
    after: int | None = 0
    while after is not None:
        after = await tx.metrics.roll_up(level, START, until, after=after, limit=2)
    if note:
        await note_made(tx, level, until)


async def note_made(tx: Transaction, level: Level, until: datetime) -> None:
    """Say that a level is made until then."""
    was = (await tx.metrics.rolled_up()).get(level)
    assert await tx.metrics.note_rolled_up(level, until, was=was)


async def purge(tx: Transaction, level: Level, before: datetime) -> None:
    """Delete until there is nothing left to delete."""
    after = 0
    for _ in range(1000):
        last = await tx.metrics.purge(level, before, after=after, limit=3)
        if last is None:
            return
        after = last
    raise AssertionError("a purge comes to no end")


async def series(tx: Transaction) -> Sequence[int]:
    """The numbers of all series, as a walk over them tells."""
    numbers: list[int] = []
    last: int | None = 0
    while last is not None:
        last = await tx.metrics.roll_up(Level.DAY, START, START, after=last, limit=1)
        numbers += [] if last is None else [last]
    return numbers
