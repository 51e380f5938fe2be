"""The database's clock was ahead, and is right again: jobs go on by what it says now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.core.background.schedule import AHEAD, first_tick
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import (
    MINUTE,
    Careful,
    EachHalfMinute,
    Spread,
    Work,
    row,
    settle,
)
from tests.core.world import START, ManualClock

HOUR = timedelta(hours=1)


async def looking(job: Work, storage: Storage, clock: ManualClock, counters: Counters) -> Scheduler:
    """One that has made its rows, and looks only when told to."""
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, first_tick(job, clock.now()))
    return Scheduler([job], storage, clock, counters)


@pytest.mark.parametrize("job_type", [EachHalfMinute, Work, Careful, Spread])
async def test_after_an_hour_ahead_a_job_runs_again_within_its_interval(
    job_type: type[Work], storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = job_type()
    one = await looking(job, storage, clock, counters)

    async def runs_of(looks: int) -> int:
        before = len(job.runs)
        for _ in range(looks):
            clock.move(10)
            await one.look()
            await settle(one)
        return len(job.runs) - before

    usual = await runs_of(60)
    clock.move(HOUR.total_seconds())
    await runs_of(30)
    clock.move(-HOUR.total_seconds())
    again = await runs_of(60)
    await one.stop()

    assert usual >= 9
    assert again >= usual - 2
    assert all(due <= clock.now() for due in job.runs[-again:])


async def test_a_run_that_another_process_has_had_is_not_had_again_by_one_that_is_behind(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    """Clocks of processes are those of the database, but for what an answer of it takes."""
    first, second = EachHalfMinute(), EachHalfMinute()
    one, other = [await looking(job, storage, clock, counters) for job in (first, second)]
    clock.move(30)
    await one.look()
    await settle(one)
    for behind in (0.001, (AHEAD - timedelta(seconds=1)).total_seconds()):
        clock.instant = START + timedelta(seconds=30 - behind)
        await other.look()
        clock.instant = START + timedelta(seconds=30)
        await other.look()
        await settle(other)
    await one.stop()
    await other.stop()

    assert (len(first.runs), second.runs) == (1, [])
    assert (await row(storage)).next_due == START + MINUTE


async def test_a_run_that_was_asked_for_ahead_is_one_between_the_times_of_the_job(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = Work()
    one = await looking(job, storage, clock, counters)
    async with storage.transaction() as tx:
        assert await tx.jobs.run_now("work", clock.now() + HOUR)
    clock.move(10)
    await one.look()
    await settle(one)
    await one.stop()

    assert job.runs == [START + timedelta(seconds=10)]
    assert (await row(storage)).next_due == START + MINUTE
