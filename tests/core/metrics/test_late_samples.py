"""What comes late, or under a clock that was wrong, as the scheduler would roll it up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.keeping import RollUpMetrics
from agentbox.model.metrics import Level, Sample
from agentbox.model.times import EPOCH
from agentbox.plugin.storage import Storage, Transaction
from tests.core.metrics.kept import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SETTINGS,
    count,
    made,
    oldest,
    purge,
    roll_up,
    sums,
    ticks,
    write,
)
from tests.core.metrics.parts import Run
from tests.core.world import START, ManualClock


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


async def test_a_tick_of_a_clock_that_was_wrong_by_years_is_no_work_for_years(
    storage: Storage, clock: ManualClock
) -> None:
    days = 6
    await write(storage, [START - n * HOUR for n in range(1, days * 24)])
    settings = MetricsSettings(raw_retention=days * DAY, minute_retention=days * DAY)
    clock.instant = START + 2 * MINUTE
    await RollUpMetrics(settings, clock).run(Run(storage, clock.now()))
    await purge(storage, clock)
    begun = {level: await oldest(storage, level) for level in Level}
    assert begun[Level.MINUTE] > begun[Level.HOUR]

    await write(storage, [EPOCH])
    clock.move(60)
    run = Run(storage, clock.now(), cut_after=150)
    await RollUpMetrics(SETTINGS, clock).run(run)

    assert await made(storage) == {
        Level.MINUTE: START + 2 * MINUTE,
        Level.HOUR: START,
        Level.DAY: START.replace(hour=0),
    }
    await purge(storage, clock)
    assert {level: await oldest(storage, level) for level in Level} == begun


async def test_what_comes_later_than_finer_values_are_kept_takes_the_place_of_none(
    storage: Storage, clock: ManualClock
) -> None:
    await write(storage, ticks(START, START + HOUR))
    clock.instant = START + 2 * HOUR
    await roll_up(storage, clock)
    clock.instant = START + 6 * DAY
    await roll_up(storage, clock)
    await purge(storage, clock)
    assert await sums(storage, Level.HOUR, HOUR) == [120.0]

    await write(storage, [START + 10 * MINUTE])
    clock.move(120)
    await roll_up(storage, clock)

    assert await sums(storage, Level.HOUR, HOUR) == [120.0]
