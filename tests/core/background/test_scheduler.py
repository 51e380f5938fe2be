"""Jobs: on their interval, never twice at a time, and never in anyone's way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentbox.core.background.scheduler import LEASE, POLL, RENEW_EVERY, Scheduler, next_tick
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.model.jobs import JobState
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import MINUTE, Impatient, Make, Other, Work, hang, row, settle
from tests.core.world import START, ManualClock


async def test_a_job_runs_first_after_its_interval(scheduler: Make, clock: ManualClock) -> None:
    job = Work()
    one = await scheduler(job)
    clock.move(59)
    await one.look()
    clock.move(1)
    await one.look()
    await settle(one)

    assert job.runs == [START + MINUTE]


async def test_a_job_runs_once_a_tick(scheduler: Make, clock: ManualClock) -> None:
    job = Work()
    one = await scheduler(job)
    clock.move(60)
    for _ in range(3):
        await one.look()
        await settle(one)

    assert job.runs == [START + MINUTE]


async def test_runs_keep_their_rhythm(scheduler: Make, clock: ManualClock) -> None:
    job = Work()
    one = await scheduler(job)
    for _ in range(3):
        clock.move(61)
        await one.look()
        await settle(one)

    assert job.runs == [START + MINUTE, START + 2 * MINUTE, START + 3 * MINUTE]


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(-30, 1), (0, 1), (59, 1), (60, 2), (61, 2), (3600, 61)]
)
def test_the_next_tick_is_the_first_one_to_come(seconds: int, minutes: int) -> None:
    now = START + timedelta(seconds=seconds)

    assert next_tick(START, Work(), now) == START + minutes * MINUTE


# SC-02: never overlaps itself
async def test_a_job_that_runs_is_not_started_again(scheduler: Make, clock: ManualClock) -> None:
    job = Work(hang)
    one = await scheduler(job)
    clock.move(60)
    await one.look()
    await asyncio.sleep(0)
    clock.move(3600)
    await one.look()

    assert len(job.runs) == 1


# SC-02: does not stop other jobs, and is visible in the counters
@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(1),
        asyncio.CancelledError(),
        RecursionError(),
        StorageError("x"),
        TimeoutError("a peer did not answer"),  # not the job's own time-out
    ],
    ids=repr,
)
async def test_a_job_that_raises_stops_nothing(
    scheduler: Make, clock: ManualClock, counters: Counters, error: BaseException
) -> None:
    async def fail(_: JobRun) -> None:
        raise error

    failing, other = Work(fail), Other()
    one = await scheduler(failing, other)
    for _ in range(2):
        clock.move(60)
        await one.look()
        await settle(one)

    assert (len(failing.runs), len(other.runs), counters.value("jobs.work.failed")) == (2, 2, 2)


# SC-02
async def test_a_job_that_hangs_is_ended_at_its_time_out(
    scheduler: Make, clock: ManualClock, counters: Counters, storage: Storage
) -> None:
    one = await scheduler(Impatient(hang))
    clock.move(60)
    await one.look()
    await settle(one)

    assert (counters.value("jobs.work.timeout"), (await row(storage)).lease_until) == (1, None)


async def test_a_run_is_counted(scheduler: Make, clock: ManualClock, counters: Counters) -> None:
    one = await scheduler(Work())
    clock.move(60)
    await one.look()
    await settle(one)

    assert counters.value("jobs.work.ok") == 1


# SC-01: however long a job may take, its lease says soon whether its holder is alive
async def test_a_lease_is_short_whatever_the_time_out(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    one = await scheduler(Work(hang))
    clock.move(60)
    await one.look()

    assert (await row(storage)).lease_until == clock.now() + LEASE
    assert LEASE + timedelta(seconds=POLL) < timedelta(seconds=15)
    assert timedelta(seconds=RENEW_EVERY) * 3 < LEASE


async def test_a_lease_is_renewed_as_long_as_the_job_runs(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    async def wait(_: JobRun) -> None:
        for _ in range(3):
            clock.move(9)
            async with asyncio.timeout(10):
                while (await row(storage)).lease_until != clock.now() + LEASE:
                    await asyncio.sleep(0.001)

    one = await renewing(storage, clock, counters, Work(wait))
    await one.look()
    await settle(one)

    assert counters.value("jobs.work.ok") == 1
    assert (await row(storage)).lease_until is None


async def test_a_run_that_lost_its_job_is_cancelled(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    async def lose(_: JobRun) -> None:
        taken = None
        while taken is None:  # a renewal may come in between
            clock.move(LEASE.total_seconds())
            async with storage.transaction() as tx:
                taken = await tx.jobs.claim("work", clock.now(), clock.now() + LEASE)
        await hang(_)

    one = await renewing(storage, clock, counters, Work(lose))
    await one.look()
    await settle(one)

    assert counters.value("jobs.work.lost") == 1
    assert (await row(storage)).lease_until == clock.now() + LEASE  # the other's, left alone


async def test_a_renewal_after_the_last_transaction_cancels_nothing(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    async def linger(run: JobRun) -> None:
        async with run.transaction(last=True):
            pass
        await asyncio.sleep(0.05)

    one = await renewing(storage, clock, counters, Work(linger))
    await one.look()
    await settle(one)

    assert counters.value("jobs.work.ok") == 1
    assert (await row(storage)).lease_until is None


async def test_a_job_that_can_not_be_claimed_stops_no_other(
    scheduler: Make, clock: ManualClock, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = Work(), Other()
    one = await scheduler(stuck, other)
    claim = one._claim

    async def claim_all_but_one(job: Job, state: JobState) -> None:
        if job is stuck:
            raise StorageError("held by a transaction that does not end")
        await claim(job, state)

    monkeypatch.setattr(one, "_claim", claim_all_but_one)
    clock.move(60)
    await one.look()
    await settle(one)

    assert (len(stuck.runs), len(other.runs)) == (0, 1)


async def renewing(storage: Storage, clock: ManualClock, counters: Counters, job: Job) -> Scheduler:
    """A scheduler whose job is due, and which renews at once."""
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, clock.now())
    return Scheduler([job], storage, clock, counters, renew_every=0.001)


async def test_stopping_waits_for_what_runs(scheduler: Make, clock: ManualClock) -> None:
    go, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: JobRun) -> None:
        await go.wait()
        ended.set()

    one = await scheduler(Work(wait))
    clock.move(60)
    await one.look()
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping

    assert ended.is_set()


async def test_stopping_cancels_what_does_not_end(
    scheduler: Make, clock: ManualClock, counters: Counters
) -> None:
    one = await scheduler(Work(hang))
    clock.move(60)
    await one.look()
    await asyncio.sleep(0)
    await one.stop(timeout=0.05)

    assert counters.value("jobs.work.cancelled") == 1


async def test_nothing_is_claimed_after_stopping(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = Work()
    one = Scheduler([job], storage, clock, counters, poll=0.001)
    await one.start()
    await one.stop()
    clock.move(60)
    await asyncio.sleep(0.02)

    assert (job.runs, (await row(storage)).fence) == ([], 0)


async def test_stopping_in_the_middle_of_a_claim_leaves_no_lease(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = Work()
    one = Scheduler([job], storage, clock, counters, poll=0.001)
    await one.start()
    async with storage.transaction():  # whoever claims has to wait for this
        clock.move(60)
        await asyncio.sleep(0.02)
        stopping = asyncio.create_task(one.stop())
        await asyncio.sleep(0.02)
    await stopping

    assert (await row(storage)).lease_until is None


async def test_a_storage_that_fails_is_looked_at_again(
    storage: Storage, clock: ManualClock, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = asyncio.Event()

    async def note(_: JobRun) -> None:
        ran.set()

    one = Scheduler([Work(note)], storage, clock, counters, poll=0.001)
    failures = [StorageError("gone")] * 3
    real = one.look

    async def look() -> None:
        if failures:
            raise failures.pop()
        await real()

    monkeypatch.setattr(one, "look", look)
    await one.start()
    clock.move(60)
    await asyncio.wait_for(ran.wait(), 10)
    await one.stop()

    assert failures == []


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), TypeError("x")], ids=repr)
async def test_a_defect_in_a_look_does_not_end_the_looking(
    storage: Storage,
    clock: ManualClock,
    counters: Counters,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    looked = asyncio.Event()
    one = Scheduler([], storage, clock, counters, poll=0.001)
    failures = [error]

    async def look() -> None:
        if failures:
            raise failures.pop()
        looked.set()

    monkeypatch.setattr(one, "look", look)
    await one.start()
    await asyncio.wait_for(looked.wait(), 10)
    await one.stop()
