"""Roll-ups and deletion, on a real database, as the scheduler would run them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.keeping import PurgeMetrics, RollUpMetrics
from agentbox.model.metrics import Aggregate, Level, Sample, SeriesQuery
from agentbox.plugin.storage import Storage, Transaction
from tests.core.metrics.kept import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    count,
    made,
    purge,
    roll_up,
    ticks,
    write,
)
from tests.core.metrics.parts import Run
from tests.core.world import START, ManualClock


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

    # What is made, where there is something, the minute after it, the hour.
    of_the_first_hour = whole - run.left - 4
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


class Slow(Run):
    """Each of its transactions takes so many seconds."""

    def __init__(self, storage: Storage, clock: ManualClock, seconds: float) -> None:
        super().__init__(storage, clock.now())
        self._clock, self._seconds = clock, seconds

    @asynccontextmanager
    async def transaction(self, *, last: bool = False) -> AsyncIterator[Transaction]:
        async with super().transaction(last=last) as tx:
            self._clock.move(self._seconds)
            yield tx


@pytest.mark.parametrize(("took", "rests"), [(0.25, 0.75), (10, 1)])
async def test_deleting_leaves_three_quarters_of_the_time_to_others_but_never_rests_for_long(
    storage: Storage,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    took: float,
    rests: float,
) -> None:
    rested: list[float] = []

    async def sleep(seconds: float) -> None:
        rested.append(seconds)

    await write(storage, ticks(START - 2 * DAY, START - 2 * DAY + MINUTE))
    monkeypatch.setattr("asyncio.sleep", sleep)
    await PurgeMetrics(MetricsSettings(), clock).run(Slow(storage, clock, took))

    assert len(rested) >= len(Level)
    assert set(rested) == {rests}
