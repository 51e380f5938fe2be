"""Runs at their times, runs that nobody began, and runs that somebody asked for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from agentbox.core.background.schedule import LATE
from agentbox.core.background.scheduler import LEASE, OnDemand, Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Storage, Transaction
from tests.core.background.jobs import MINUTE, Make, Work, hang, row, settle
from tests.core.world import START, ManualClock

HOUR = timedelta(hours=1)


class Hourly(Work):
    interval = HOUR


class Careful(Hourly):
    run_missed = True


class AtNight(Work):
    interval = None
    cron = "30 3 * * *"


class Spread(Hourly):
    jitter = timedelta(minutes=10)


class Wanted(OnDemand, Work):
    interval = MINUTE
    wants = False

    async def wanted(self, tx: Transaction) -> bool:
        return self.wants


async def ask(storage: Storage, clock: ManualClock) -> bool:
    async with storage.transaction() as tx:
        return await tx.jobs.run_now("work", clock.now())


async def test_missed_runs_are_skipped_and_the_next_comes_at_its_time(
    scheduler: Make, clock: ManualClock, storage: Storage, counters: Counters
) -> None:
    job = Hourly()
    one = await scheduler(job)
    clock.move(5.5 * 3600)
    await one.look()
    await settle(one)
    skipped = (list(job.runs), (await row(storage)).next_due)
    clock.instant = START + 6 * HOUR
    await one.look()
    await settle(one)

    assert skipped == ([], START + 6 * HOUR)
    assert job.runs == [START + 6 * HOUR]
    assert counters.value("jobs.work.missed") == 1


async def test_one_run_makes_up_for_all_that_were_missed_where_the_job_says_so(
    scheduler: Make, clock: ManualClock, counters: Counters
) -> None:
    job = Careful()
    one = await scheduler(job)
    clock.move(5.5 * 3600)
    for _ in range(3):
        await one.look()
        await settle(one)
        clock.move(1)
    clock.instant = START + 6 * HOUR
    await one.look()
    await settle(one)

    assert job.runs == [START + HOUR, START + 6 * HOUR]
    assert counters.value("jobs.work.missed") == 0


@pytest.mark.parametrize(("late", "runs"), [(LATE, 1), (LATE + timedelta(microseconds=1), 0)])
async def test_a_run_may_begin_a_minute_late(
    scheduler: Make, clock: ManualClock, late: timedelta, runs: int
) -> None:
    job = Hourly()
    one = await scheduler(job)
    clock.instant = START + HOUR + late
    await one.look()
    await settle(one)

    assert len(job.runs) == runs


# SC-01: what a process has begun is not missed, however long ago it was due
async def test_a_run_whose_process_died_is_begun_again_and_not_skipped(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    job = Hourly()
    one = await scheduler(job)
    clock.move(3600)
    async with storage.transaction() as tx:
        assert await tx.jobs.claim("work", clock.now(), clock.now() + 3 * HOUR) is not None
    clock.move(3 * 3600)
    await one.look()
    await settle(one)

    assert job.runs == [START + HOUR]


async def test_a_job_with_cron_runs_at_its_times(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = AtNight()
    one = Scheduler([job], storage, clock, counters, poll=60)
    clock.instant = datetime(2027, 1, 1, 22, tzinfo=UTC)
    await one.start()
    due = (await row(storage)).next_due
    for seconds in (-1, 0, 1, 86_400):
        clock.instant = due + timedelta(seconds=seconds)
        await one.look()
        await settle(one)
    await one.stop()

    assert due == datetime(2027, 1, 2, 3, 30, tzinfo=UTC)
    assert job.runs == [due, due + timedelta(days=1)]


async def test_a_run_begins_after_its_jitter_and_the_rhythm_stays(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = Spread()
    one = Scheduler([job], storage, clock, counters, place="https://a.example", poll=60)
    await one.start()
    began: list[timedelta] = []
    for _ in range(4 * 60):
        before = len(job.runs)
        clock.move(60)
        await one.look()
        await settle(one)
        began += [clock.now() - each for each in job.runs[before:]]
    await one.stop()

    assert job.runs == [START + n * HOUR for n in range(1, len(job.runs) + 1)]
    assert len(job.runs) in (3, 4)
    assert all(timedelta(0) <= each <= job.jitter + MINUTE for each in began)
    assert len(set(began)) > 1


async def test_a_job_whose_interval_became_shorter_does_not_wait_for_the_old_date(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", clock.now() + timedelta(days=90))
    one = Scheduler([Hourly()], storage, clock, counters, poll=60)
    await one.start()
    await one.stop()

    assert (await row(storage)).next_due == START + HOUR


async def test_a_run_that_is_asked_for_comes_at_once_and_the_next_at_its_time(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    job = Hourly()
    one = await scheduler(job)
    clock.move(600)
    assert await ask(storage, clock)
    asked = clock.now()
    clock.move(1)
    for _ in range(2):
        await one.look()
        await settle(one)

    assert job.runs == [asked]
    assert (await row(storage)).next_due == START + HOUR


async def test_a_run_that_is_asked_for_waits_for_a_server(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    job = Hourly()
    one = await scheduler(job)
    assert await ask(storage, clock)
    clock.move(10 * 3600)
    await one.look()
    await settle(one)

    assert job.runs == [START]
    assert (await row(storage)).next_due == START + 11 * HOUR


async def test_a_job_that_looks_first_runs_when_it_is_asked_to(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    job = Wanted()
    one = await scheduler(job)
    clock.move(7200)
    await one.look()
    idle = list(job.runs)
    await ask(storage, clock)
    await one.look()
    await settle(one)

    assert (idle, len(job.runs)) == ([], 1)


async def test_the_row_says_when_a_run_began_and_how_it_ended(
    scheduler: Make, clock: ManualClock, storage: Storage, counters: Counters
) -> None:
    async def fail(_: JobRun) -> None:
        clock.move(2)
        raise ValueError("x")

    one = await scheduler(Work(fail))
    clock.move(61)
    await one.look()
    await settle(one)
    state = await row(storage)
    began = START + timedelta(seconds=61)

    assert (state.last_started, state.last_outcome) == (began, "failed")
    assert state.last_finished == began + timedelta(seconds=2)
    assert state.last_process
    assert counters.value("jobs.work.duration.sum_us") == 2_000_000


async def test_the_row_of_a_run_that_goes_on_says_since_when(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    one = await scheduler(Work(hang))
    clock.move(60)
    await one.look()
    await asyncio.sleep(0)
    state = await row(storage)

    assert (state.last_started, state.last_finished) == (clock.now(), None)
    assert state.lease_until == clock.now() + LEASE
