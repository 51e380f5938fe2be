"""A process is killed while its clock is ahead, and leaves a lease that ends when nobody waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from agentbox.core.background.schedule import AHEAD, first_tick
from agentbox.core.background.scheduler import LEASE, POLL, RENEW_EVERY, ClaimedRun, Scheduler
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.model.jobs import JobState, Lease
from agentbox.plugin.job import Job
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import (
    MINUTE,
    Careful,
    EachHalfMinute,
    Other,
    Spread,
    Work,
    row,
    settle,
    told,
)
from tests.core.world import START, ManualClock, user_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SOON = LEASE + 3 * timedelta(seconds=POLL)
"""A lease has to stand still for as long as one holds; then one look ends it, and one claims."""


class Yearly(Work):
    interval = None
    cron = "0 12 1 1 *"


def ahead_of(clock: ManualClock, by: timedelta) -> ManualClock:
    other = ManualClock()
    other.instant = clock.now() + by
    return other


async def claim(storage: Storage, clock: ManualClock) -> Lease:
    """What a process does whose clock is `clock`, and which says nothing after it."""
    async with storage.transaction() as tx:
        lease = await tx.jobs.claim("work", clock.now(), clock.now() + LEASE, "dead:1")
    assert lease is not None
    return lease


async def looks(
    one: Scheduler, clock: ManualClock, span: timedelta, job: Work
) -> Sequence[tuple[datetime, datetime]]:
    """When runs began in that span, and when they were due."""
    began = []
    for _ in range(round(span.total_seconds() / POLL)):
        clock.move(POLL)
        before = len(job.runs)
        await one.look()
        await settle(one)
        began += [(clock.now(), due) for due in job.runs[before:]]
    return began


@pytest.mark.parametrize("by", [AHEAD + MINUTE, HOUR, 400 * DAY], ids=str)
@pytest.mark.parametrize("job_type", [EachHalfMinute, Work, Careful, Spread])
async def test_a_job_whose_holder_died_ahead_runs_within_its_interval(
    job_type: type[Work], by: timedelta, storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = job_type()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", first_tick(job, clock.now() + by))
    await claim(storage, ahead_of(clock, by + 2 * MINUTE))
    one = Scheduler([job], storage, clock, counters)
    began = await looks(one, clock, SOON + 4 * MINUTE, job)

    assert len(began) >= 3
    assert began[0][0] - START <= SOON + AHEAD + MINUTE + job.jitter
    assert all(due <= at for at, due in began)


async def test_a_run_that_was_due_is_begun_again_as_soon_as_its_lease_stood_still(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    """What a process has begun is not missed, however long ago it was due."""
    job = Yearly()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    await claim(storage, ahead_of(clock, DAY))
    clock.move(HOUR.total_seconds())
    one = Scheduler([job], storage, clock, counters)
    began = await looks(one, clock, SOON, job)

    assert [due for _, due in began] == [START]
    assert (await row(storage)).next_due == datetime(2027, 1, 1, 12, tzinfo=START.tzinfo)
    assert counters.value("jobs.work.taken_over") == 1


async def test_a_run_that_was_asked_for_is_begun_again_and_moves_no_date(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    job = Yearly()
    due = first_tick(job, clock.now())
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", due)
        assert await tx.jobs.run_now("work", clock.now())
    await claim(storage, ahead_of(clock, HOUR))
    one = Scheduler([job], storage, clock, counters)
    began = await looks(one, clock, SOON, job)

    assert [due for _, due in began] == [START]
    assert (await row(storage)).next_due == due


async def test_a_lease_that_may_be_right_runs_its_time(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    """The clocks of two processes differ a little."""
    job = Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    await claim(storage, ahead_of(clock, AHEAD))
    one = Scheduler([job], storage, clock, counters)
    early = await looks(one, clock, LEASE + AHEAD - timedelta(seconds=POLL), job)
    began = await looks(one, clock, timedelta(seconds=POLL), job)

    assert (early, len(began)) == ([], 1)


async def test_a_row_that_can_not_be_put_right_stops_no_other(
    storage: Storage, clock: ManualClock, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had it may have died in the middle of a transaction that still holds it."""
    stuck, job = Other(), Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
        await tx.jobs.ensure("other", START)
    await claim(storage, ahead_of(clock, HOUR))
    one = Scheduler([stuck, job], storage, clock, counters)
    bring_back = one._bring_back

    async def all_but_one(job: Job, state: JobState, now: datetime) -> None:
        if job is stuck:
            raise StorageError("held by a transaction that does not end")
        await bring_back(job, state, now)

    monkeypatch.setattr(one, "_bring_back", all_but_one)

    assert len(await looks(one, clock, SOON, job)) == 1


# SC-01: whose clock is ahead, and who lives, keeps the job
async def test_a_holder_that_is_ahead_and_renews_keeps_its_job(
    storage: Storage, second: Storage, clock: ManualClock, counters: Counters
) -> None:
    ahead, job = ahead_of(clock, HOUR), Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    lease = await claim(storage, ahead)
    one = Scheduler([job], second, clock, counters)
    for _ in range(10):
        began = await looks(one, clock, timedelta(seconds=RENEW_EVERY), job)
        assert began == []
        ahead.move(RENEW_EVERY)
        async with storage.transaction() as tx:
            assert await tx.jobs.renew(lease, ahead.now() + LEASE)
    async with storage.transaction(lease=lease) as tx:
        await tx.users.add(user_of(username="written"))

    assert (await row(storage)).fence == lease.fence


# SC-01: one that stood still, was taken for dead and goes on can't write
async def test_a_holder_that_was_ahead_and_stood_still_writes_nothing(
    storage: Storage, second: Storage, clock: ManualClock, counters: Counters
) -> None:
    ahead, job = ahead_of(clock, HOUR), Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    lease = await claim(storage, ahead)
    held = ClaimedRun(Work(), storage, ahead, lease, START)
    one = Scheduler([job], second, clock, counters)
    began = await looks(one, clock, SOON, job)
    with pytest.raises(StorageError):
        async with held.transaction() as tx:
            await tx.users.add(user_of(username="written-late"))
    renewed = await held.renew()
    async with storage.transaction(read_only=True) as tx:
        late = await tx.users.by_username("written-late")

    assert (len(began), late, renewed, held.lost) == (1, None, False, True)


async def test_a_holder_that_goes_on_before_another_claims_keeps_its_job(
    storage: Storage, second: Storage, clock: ManualClock, counters: Counters
) -> None:
    """It was taken for dead, and nobody has begun the run again yet."""
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    lease = await claim(storage, ahead_of(clock, HOUR))
    one, job = Scheduler([Work()], second, clock, counters), Work()
    while (await row(storage)).is_leased(clock.now()):
        await looks(one, clock, timedelta(seconds=POLL), job)
        assert clock.now() - START < SOON
    async with storage.transaction() as tx:
        assert await tx.jobs.renew(lease, clock.now() + LEASE)
    await looks(one, clock, LEASE / 2, job)

    assert (await row(storage)).fence == lease.fence


# A machine that was suspended is behind until it measures the database's clock anew.
async def test_a_process_that_is_behind_takes_no_job_from_one_that_renews(
    storage: Storage, second: Storage, clock: ManualClock, counters: Counters
) -> None:
    behind, job = ahead_of(clock, -HOUR), Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    lease = await claim(storage, clock)
    one = Scheduler([job], second, behind, counters)
    for _ in range(4):
        await looks(one, behind, timedelta(seconds=RENEW_EVERY), job)
        clock.move(RENEW_EVERY)
        assert (await row(storage)).is_leased(clock.now())
        async with storage.transaction() as tx:
            assert await tx.jobs.renew(lease, clock.now() + LEASE)

    assert (job.runs, (await row(storage)).fence) == ([], lease.fence)


async def test_a_run_that_began_ahead_and_ended_well_is_not_told_of_as_lost(
    storage: Storage, clock: ManualClock
) -> None:
    job = Work()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START)
    lease = await claim(storage, ahead_of(clock, HOUR))
    clock.move(2)
    async with ClaimedRun(job, storage, clock, lease, START).transaction(last=True):
        pass
    (view,) = (await told(storage, clock, job)).values()

    assert (view.running, view.last_outcome) == (False, "ok")
    assert view.last_started == view.last_finished == clock.now()
