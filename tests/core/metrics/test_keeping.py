"""Roll-ups and deletion, on a real database, as the scheduler would run them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.keeping import PurgeMetrics, RollUpMetrics
from agentbox.model.metrics import Aggregate, Level, Sample, SeriesQuery
from agentbox.plugin.storage import Storage, Transaction
from tests.core.metrics.parts import Run
from tests.core.world import START, ManualClock

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)
SETTINGS = MetricsSettings()


async def write(storage: Storage, ticks: Sequence[datetime], value: float = 1.0) -> None:
    for at in ticks:
        async with storage.transaction() as tx:
            await tx.metrics.put(at, [Sample("users", value)])


async def count(storage: Storage, level: Level) -> int:
    """How many rows of the level there are."""
    table = {Level.RAW: "raw", Level.MINUTE: "minutes", Level.HOUR: "hours", Level.DAY: "days"}
    async with storage.transaction(read_only=True) as tx:
        rows = await tx._db.fetch(f"SELECT count(*) FROM metric_{table[level]}")  # type: ignore[attr-defined]
    return int(rows[0][0])


async def made(storage: Storage) -> dict[Level, datetime]:
    async with storage.transaction(read_only=True) as tx:
        return dict(await tx.metrics.rolled_up())


async def roll_up(storage: Storage, clock: ManualClock, cut_after: int = 1 << 30) -> None:
    await RollUpMetrics(SETTINGS, clock).run(Run(storage, clock.now(), cut_after))


async def purge(storage: Storage, clock: ManualClock, settings: MetricsSettings = SETTINGS) -> None:
    await PurgeMetrics(settings, clock).run(Run(storage, clock.now()))


def ticks(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * 30 * SECOND for n in range((end - start) // (30 * SECOND))]


async def test_a_minute_is_made_once_it_is_over_for_two_intervals(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, ticks(START, START + 3 * MINUTE))
    clock.instant = START + 2 * MINUTE + 59 * SECOND

    await roll_up(storage, clock)
    assert (await made(storage))[Level.MINUTE] == START + MINUTE
    assert await count(storage, Level.MINUTE) == 1

    clock.move(1)
    await roll_up(storage, clock)
    assert (await made(storage))[Level.MINUTE] == START + 2 * MINUTE
    assert await count(storage, Level.MINUTE) == 2


async def test_hours_and_days_are_made_of_what_was_made_before_them(
    storage: Storage, clock: ManualClock
) -> None:
    midnight = START.replace(hour=0) + DAY
    await write(storage, [midnight - 2 * HOUR, midnight - HOUR, midnight - MINUTE], 3.0)
    clock.instant = midnight + 2 * MINUTE

    await roll_up(storage, clock)

    assert await made(storage) == {
        Level.MINUTE: midnight + MINUTE,
        Level.HOUR: midnight,
        Level.DAY: midnight,
    }
    assert [await count(storage, level) for level in Level] == [3, 3, 2, 1]


async def test_a_run_that_is_cut_short_goes_on_where_it_was(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, [START - n * HOUR for n in range(1, 20)])
    clock.instant = START + 2 * MINUTE

    with pytest.raises(ConnectionError):
        await roll_up(storage, clock, cut_after=16)
    first = (await made(storage))[Level.MINUTE]
    assert START - DAY < first < START

    with pytest.raises(ConnectionError):
        await roll_up(storage, clock, cut_after=5)
    assert first < (await made(storage))[Level.MINUTE] < START

    await roll_up(storage, clock)
    assert (await made(storage))[Level.MINUTE] == START + MINUTE
    assert await count(storage, Level.MINUTE) == 19


async def test_what_was_not_rolled_up_while_nothing_ran_is_made_up_for(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, ticks(START, START + 10 * MINUTE))
    clock.instant = START + 5 * MINUTE
    await roll_up(storage, clock)

    clock.instant = START + 5 * DAY
    await purge(storage, clock)
    assert await count(storage, Level.RAW) >= 10  # those of the minutes that are not made yet
    await roll_up(storage, clock)
    assert await count(storage, Level.MINUTE) == 10

    await purge(storage, clock)
    assert await count(storage, Level.RAW) == 0


async def test_each_level_is_kept_as_long_as_told(storage: Storage, clock: ManualClock) -> None:
    settings = MetricsSettings(
        raw_retention=HOUR, minute_retention=2 * HOUR, retention_days=1, day_retention=2 * DAY
    )
    clock.instant = midnight = START.replace(hour=0)
    await roll_up(storage, clock)
    await write(storage, [midnight + n * HOUR for n in range(24)])
    clock.instant = midnight + DAY + 2 * MINUTE
    await roll_up(storage, clock)
    assert [await count(storage, level) for level in Level] == [24, 24, 24, 1]

    await purge(storage, clock, settings)  # two minutes after midnight
    assert [await count(storage, level) for level in Level] == [0, 1, 23, 1]

    clock.instant = midnight + 2 * DAY
    await purge(storage, clock, settings)
    assert [await count(storage, level) for level in Level] == [0, 0, 0, 1]

    clock.instant = midnight + 2 * DAY + 2 * MINUTE
    await purge(storage, clock, settings)
    assert [await count(storage, level) for level in Level] == [0, 0, 0, 0]


async def sums(storage: Storage, level: Level, step: timedelta) -> list[float]:
    query = SeriesQuery(
        type="users",
        environment_id=None,
        start=START,
        end=START + 2 * HOUR,
        step=step,
        level=level,
        aggregate=Aggregate.SUM,
    )
    async with storage.transaction(read_only=True) as tx:
        return [value for _, value in await tx.metrics.points(query)]


async def test_what_a_sink_delivers_late_is_rolled_up_too(
    storage: Storage, clock: ManualClock
) -> None:
    """As one that was left alone for a minute, or longer, while batches waited for it."""
    every = ticks(START, START + HOUR + 5 * MINUTE)
    late = ticks(START + 58 * MINUTE, START + HOUR + 2 * MINUTE)
    await write(storage, [at for at in every if at not in late])
    clock.instant = START + HOUR + 4 * MINUTE
    await roll_up(storage, clock)
    assert (await made(storage))[Level.HOUR] == START + HOUR

    await write(storage, late)
    clock.move(MINUTE.total_seconds() + 60)
    await roll_up(storage, clock)

    assert await made(storage) == {
        Level.MINUTE: START + HOUR + 5 * MINUTE,
        Level.HOUR: START + HOUR,
        Level.DAY: START.replace(hour=0),
    }
    assert await sums(storage, Level.MINUTE, MINUTE) == [2.0] * 65
    assert await sums(storage, Level.HOUR, HOUR) == [120.0, 10.0]


class Late(Run):
    """A sample of `users` comes late before the `nth` transaction of the run."""

    came = False

    def __init__(
        self,
        storage: Storage,
        due: datetime,
        nth: int,
        at: datetime = START + 59 * MINUTE + 30 * SECOND,
    ) -> None:
        super().__init__(storage, due)
        self._nth = nth
        self._at = at

    @asynccontextmanager
    async def transaction(self, *, last: bool = False) -> AsyncIterator[Transaction]:  # type: ignore[override]
        self._nth -= 1
        if self._nth == 0:
            await write(self._storage, [self._at])
            self.came = True
        async with super().transaction(last=last) as tx:
            yield tx


@pytest.mark.parametrize("nth", range(1, 4))
async def test_what_comes_late_while_it_is_rolled_up_is_there_in_the_end(
    storage: Storage, clock: ManualClock, nth: int
) -> None:
    await write(storage, ticks(START, START + HOUR)[:-1])
    clock.instant = START + 55 * MINUTE
    await roll_up(storage, clock)
    clock.instant = START + HOUR + 2 * MINUTE
    run = Late(storage, clock.now(), nth)
    await RollUpMetrics(SETTINGS, clock).run(run)
    for cut_after in (3, 1 << 30):
        with contextlib.suppress(ConnectionError):
            await roll_up(storage, clock, cut_after)
    assert run.came
    assert await sums(storage, Level.HOUR, HOUR) == [120.0]
    assert await count(storage, Level.HOUR) == 1
    assert (await made(storage))[Level.HOUR] == START + HOUR


@pytest.mark.parametrize("nth", [2, 3, 4, 5])
async def test_what_comes_late_between_two_transactions_of_one_window_is_made_of_it(
    storage: Storage, clock: ManualClock, nth: int
) -> None:
    """The row of its series is made already, and the level is not yet."""
    async with storage.transaction() as tx:
        others = [Sample(f"x-{number:03}", 1.0) for number in range(250)]
        await tx.metrics.put(START, [Sample("users", 1.0), *others])
    clock.instant = START + 30 * SECOND
    await roll_up(storage, clock)
    clock.instant = START + 2 * MINUTE
    run = Late(storage, clock.now(), nth, START + 30 * SECOND)
    await RollUpMetrics(SETTINGS, clock).run(run)
    for _ in range(2):
        clock.move(60)
        await roll_up(storage, clock)

    assert run.came
    assert (await made(storage))[Level.MINUTE] == START + 3 * MINUTE
    assert await sums(storage, Level.MINUTE, MINUTE) == [2.0]


# SC-03: what was rolled up while the clock was an hour ahead holds up nothing after it
async def test_after_an_hour_ahead_values_are_rolled_up_as_they_come(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, ticks(START, START + 10 * MINUTE))
    clock.instant = START + 90 * MINUTE
    await write(storage, [clock.now() - 2 * MINUTE])
    await roll_up(storage, clock)

    await write(storage, ticks(START + 10 * MINUTE, START + HOUR))
    clock.instant = START + HOUR + 2 * MINUTE
    assert await sums(storage, Level.HOUR, HOUR) == [120.0, 1.0]
    await roll_up(storage, clock)

    assert (await made(storage))[Level.HOUR] == START + HOUR
    assert await count(storage, Level.MINUTE) == 60 + 1
    assert await sums(storage, Level.HOUR, HOUR) == [120.0, 1.0]


async def test_an_empty_database_is_no_work(storage: Storage, clock: ManualClock) -> None:
    await roll_up(storage, clock)
    await purge(storage, clock)

    assert [await count(storage, level) for level in Level] == [0, 0, 0, 0]
    assert set(await made(storage)) == {Level.MINUTE, Level.HOUR, Level.DAY}


async def test_what_is_kept_can_be_asked_for_at_each_level(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, ticks(START, START + HOUR), 4.0)
    clock.instant = START + HOUR + 2 * MINUTE
    await roll_up(storage, clock)

    for level in (Level.RAW, Level.MINUTE, Level.HOUR):
        query = SeriesQuery(
            type="users",
            environment_id=None,
            start=START,
            end=START + HOUR,
            step=HOUR,
            level=level,
            aggregate=Aggregate.SUM,
        )
        async with storage.transaction(read_only=True) as tx:
            assert [tuple(point) for point in await tx.metrics.points(query)] == [(START, 480.0)]


@pytest.mark.parametrize(("seconds", "transactions"), [(30, 1), (5, 3)])
async def test_the_more_rows_a_series_has_the_fewer_are_rolled_up_in_one_transaction(
    storage: Storage, clock: ManualClock, seconds: int, transactions: int
) -> None:
    """So that nobody else who writes waits long while an hour is made up for."""
    async with storage.transaction() as tx:
        await tx.metrics.put(START, [Sample(f"type-{number:02}", 1.0) for number in range(20)])
        for level in (Level.MINUTE, Level.HOUR, Level.DAY):
            await tx.metrics.note_rolled_up(level, START, was=None)
    clock.instant = START + HOUR + 2 * MINUTE
    settings = MetricsSettings(collection_interval=seconds * SECOND)
    run = Run(storage, clock.now())
    whole = run.left
    await RollUpMetrics(settings, clock).run(run)

    of_the_first_hour = whole - run.left - 3  # what is made, the minute after it, the hour
    assert of_the_first_hour == transactions
    assert await count(storage, Level.HOUR) == 20


@pytest.mark.parametrize("minutes", [1, 2, 5, 15, 60])
async def test_every_level_is_made_minute_by_minute_at_every_interval(
    storage: Storage, clock: ManualClock, minutes: int
) -> None:
    settings = MetricsSettings(collection_interval=minutes * MINUTE)
    job = RollUpMetrics(settings, clock)
    midnight = START.replace(hour=0) + DAY
    clock.instant = midnight - 10 * MINUTE
    await job.run(Run(storage, clock.now()))
    while clock.now() < midnight + 2 * minutes * MINUTE:
        clock.move(60)
        if not (clock.now() - midnight) % (minutes * MINUTE):
            await write(storage, [clock.now()])
        await job.run(Run(storage, clock.now()))

    assert await made(storage) == dict.fromkeys((Level.MINUTE, Level.HOUR, Level.DAY), midnight)
    before = -(-10 // minutes) - 1
    rows = [before + 3, before, 1 if before else 0, 1 if before else 0]
    assert [await count(storage, level) for level in Level] == rows
