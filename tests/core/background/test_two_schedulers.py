"""Two processes on one database: each tick runs once, and who lost the job writes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from agentbox.core.background.scheduler import LEASE, ClaimedRun, Scheduler
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.storage import Storage
from tests.core.world import ManualClock, user_of
from tests.scale import scaled


class Tick(Job):
    name = "tick"
    interval = timedelta(minutes=1)
    timeout = timedelta(seconds=20)

    def __init__(self, runs: list[datetime]) -> None:
        self.runs = runs

    async def run(self, run: JobRun) -> None:
        self.runs.append(run.due)


class Frozen(Tick):
    """Stands still in the middle of a run until it is woken."""

    def __init__(self) -> None:
        super().__init__([])
        self.begun, self.wake = asyncio.Event(), asyncio.Event()
        self.error: BaseException | None = None

    async def run(self, run: JobRun) -> None:
        self.begun.set()
        await self.wake.wait()
        try:
            async with run.transaction() as tx:
                await tx.users.add(user_of(username="written-late"))
        except StorageError as error:
            self.error = error
            raise


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def started(storage: Storage, clock: ManualClock, job: Job) -> Scheduler:
    """One that has its job's row, and looks only when told to."""
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, clock.now() + job.interval)
    return Scheduler([job], storage, clock, Counters())


# SC-01, as far as two processes of one machine
async def test_each_tick_runs_once(storage: Storage, second: Storage, clock: ManualClock) -> None:
    runs: list[datetime] = []
    both = [await started(one, clock, Tick(runs)) for one in (storage, second)]
    for _ in range(scaled(20)):
        clock.move(60)
        await asyncio.gather(*(one.look() for one in both))
        await asyncio.gather(*(task for one in both for task in [*one._running.values()]))
    for one in both:
        await one.stop()

    assert (len(runs), len(set(runs))) == (scaled(20), scaled(20))


async def test_a_leased_job_is_left_to_its_holder(
    storage: Storage, second: Storage, clock: ManualClock
) -> None:
    holder, runs = Frozen(), list[datetime]()
    first, other = await started(storage, clock, holder), await started(second, clock, Tick(runs))
    clock.move(60)
    await first.look()
    await holder.begun.wait()
    clock.move(LEASE.total_seconds() - 0.1)
    await other.look()
    holder.wake.set()
    await first.stop()
    await other.stop()

    assert runs == []


# SC-01: the loss of a holder is repaired
async def test_a_lease_that_ran_out_is_taken_over(
    storage: Storage, second: Storage, clock: ManualClock
) -> None:
    holder, runs = Frozen(), list[datetime]()
    first, other = await started(storage, clock, holder), await started(second, clock, Tick(runs))
    clock.move(60)
    await first.look()
    await holder.begun.wait()
    clock.move(LEASE.total_seconds())
    await other.look()
    await asyncio.gather(*other._running.values())
    holder.wake.set()
    await first.stop()
    await other.stop()

    assert len(runs) == 1


# SC-01: one that was frozen and goes on can't write
async def test_a_holder_that_lost_the_job_writes_nothing(
    storage: Storage, second: Storage, clock: ManualClock
) -> None:
    holder = Frozen()
    first, other = await started(storage, clock, holder), await started(second, clock, Tick([]))
    clock.move(60)
    await first.look()
    await holder.begun.wait()
    clock.move(LEASE.total_seconds())
    await other.look()
    await asyncio.gather(*other._running.values())
    holder.wake.set()
    await asyncio.gather(*first._running.values())
    async with storage.transaction(read_only=True) as tx:
        late = await tx.users.by_username("written-late")
    await first.stop()
    await other.stop()

    assert (late, type(holder.error)) == (None, StorageError)


async def test_a_holder_that_lost_the_job_moves_no_date(
    storage: Storage, second: Storage, clock: ManualClock
) -> None:
    holder = Frozen()
    first, other = await started(storage, clock, holder), await started(second, clock, Tick([]))
    clock.move(60)
    await first.look()
    await holder.begun.wait()
    clock.move(LEASE.total_seconds())
    await other.look()
    await asyncio.gather(*other._running.values())
    async with storage.transaction(read_only=True) as tx:
        before = await tx.jobs.get("tick")
    clock.move(300)
    holder.wake.set()
    await first.stop()
    async with storage.transaction(read_only=True) as tx:
        after = await tx.jobs.get("tick")
    await other.stop()

    assert after == before


async def test_a_run_writes_while_it_holds_the_job(storage: Storage, clock: ManualClock) -> None:
    async with storage.transaction() as tx:
        await tx.jobs.ensure("tick", clock.now())
        lease = await tx.jobs.claim("tick", clock.now(), clock.now() + Tick.interval)
    assert lease is not None
    async with ClaimedRun(Tick([]), storage, clock, lease, clock.now()).transaction() as tx:
        await tx.users.add(user_of(username="written"))
    async with storage.transaction(read_only=True) as tx:
        assert await tx.users.by_username("written") is not None
