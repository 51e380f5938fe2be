"""A job that goes on although it was cancelled at its time-out: another process gets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentbox.core.background import scheduler as module
from agentbox.core.background.scheduler import LEASE, Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import Impatient, Work, row, settle
from tests.core.world import ManualClock, Recorder


class Stubborn(Impatient):
    """Swallows its cancellation until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.run_of: Any = None
        self.cancelled, self.let_go = asyncio.Event(), asyncio.Event()

    async def run(self, run: JobRun) -> None:
        self.run_of = run
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled.set()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


@pytest.fixture
async def stubborn(
    storage: Storage, clock: ManualClock, counters: Counters
) -> AsyncIterator[tuple[Stubborn, Scheduler]]:
    """One that has swallowed its cancellation, and who runs it."""
    job = Stubborn()
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", clock.now())
    one = Scheduler([job], storage, clock, counters, renew_every=3600)
    await one.look()
    await job.cancelled.wait()
    yield job, one
    job.let_go.set()
    await settle(one)
    await one.stop()


async def test_its_lease_is_renewed_no_longer_than_one_lease_after_its_time_out(
    stubborn: tuple[Stubborn, Scheduler], clock: ManualClock, storage: Storage
) -> None:
    job, _ = stubborn
    clock.move(LEASE.total_seconds())
    assert await job.run_of.renew()
    until = (await row(storage)).lease_until
    clock.move(job.timeout.total_seconds())
    renewed = await job.run_of.renew()

    assert until == clock.now() - job.timeout + LEASE
    assert (await row(storage)).lease_until == until
    assert (renewed, job.run_of.lost) == (True, False)


async def test_another_process_gets_it_and_the_run_is_lost(
    stubborn: tuple[Stubborn, Scheduler],
    clock: ManualClock,
    storage: Storage,
    counters: Counters,
    log: Recorder,
) -> None:
    job, one = stubborn
    one._renew_every = 0.0
    keeper = asyncio.create_task(one._keep(job.run_of, one._running["work"]))
    clock.move((LEASE + job.timeout).total_seconds())
    async with asyncio.timeout(10):
        while not log.lines:
            await asyncio.sleep(0)
    clock.move(LEASE.total_seconds())
    other = Scheduler([Work()], storage, clock, counters)
    await other.look()
    await settle(other)
    async with asyncio.timeout(10):
        await keeper

    assert log.lines == [("job_goes_on", {"job": "work"})]
    assert job.run_of.lost
    state = await row(storage)
    assert (state.fence, state.last_outcome) == (2, "ok")
