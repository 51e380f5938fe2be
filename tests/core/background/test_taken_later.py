"""A run whose last transaction is committed is over for everybody, and still goes on here."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from agentbox.core.background.scheduler import Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import MINUTE, Work, row, settle
from tests.core.world import START, ManualClock


async def test_what_a_run_does_after_its_last_transaction_is_not_cancelled_by_the_next_run(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    """As of the tick that is collected once it is taken, while somebody asks for another run."""
    over, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    runs: list[Any] = []

    async def work(run: JobRun) -> None:
        runs.append(run)
        async with run.transaction(last=True):
            pass
        over.set()
        await go_on.wait()
        done.set()

    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START + MINUTE)
    one = Scheduler([Work(work)], storage, clock, counters, renew_every=3600)
    clock.move(60)
    await one.look()
    await over.wait()
    async with storage.transaction() as tx:
        assert await tx.jobs.run_now("work", clock.now())
        later = await tx.jobs.claim("work", clock.now(), clock.now() + timedelta(seconds=10))
    assert later is not None
    one._renew_every = 0.0
    async with asyncio.timeout(10):
        await one._keep(runs[0], one._running["work"])
    go_on.set()
    await settle(one)
    await one.stop()

    assert done.is_set()
    assert counters.value("jobs.work.ok") == 1
    state = await row(storage)
    assert (state.fence, state.lease_until is None) == (later.fence, False)
    assert state.next_due == START + 2 * MINUTE


async def test_a_run_that_was_asked_for_while_a_slow_one_went_on_comes_after_it(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    """Its holder could not renew the lease for a while, and lives."""
    go_on = asyncio.Event()

    async def work(_: JobRun) -> None:
        await go_on.wait()

    job = Work(work)
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START + MINUTE)
    one = Scheduler([job], storage, clock, counters)
    clock.move(60)
    await one.look()
    clock.move(11)
    asked = clock.now()
    async with storage.transaction() as tx:
        assert await tx.jobs.run_now("work", asked)
    go_on.set()
    await settle(one)
    clock.move(1)
    for _ in range(2):
        await one.look()
        await settle(one)
    await one.stop()

    assert job.runs == [START + MINUTE, asked]
    assert (await row(storage)).asked_at is None
