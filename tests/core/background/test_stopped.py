"""A run that a stop cancelled: the next process begins it again, as if this one had been killed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentbox.core.background.scheduler import Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import Work, hang, row, settle
from tests.core.world import START, ManualClock

MIDNIGHT = START.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


class Daily(Work):
    interval = None
    cron = "0 0 * * *"


class Tended(Scheduler):
    """One that looks only when told to, its rows made."""

    @classmethod
    async def of(
        cls, job: Work, storage: Storage, clock: ManualClock, counters: Counters
    ) -> Tended:
        made = cls([job], storage, clock, counters)
        async with storage.transaction() as tx:
            await made._prepare(job, tx)
        return made


async def stopped_in_a_run(storage: Storage, clock: ManualClock, counters: Counters) -> Daily:
    """A job whose run was cancelled, by a process that is no more."""
    job = Daily(hang)
    one = await Tended.of(job, storage, clock, counters)
    await one.look()
    while not job.runs:
        await asyncio.sleep(0)
    await one.stop(timeout=0.05)
    await settle(one)
    return job


# SC-01: a clean stop loses no run that a kill would not lose
@pytest.mark.parametrize("later", [0, 20, 90, 3 * 86_400])
async def test_the_next_process_begins_it_again_with_the_same_due(
    storage: Storage, clock: ManualClock, counters: Counters, later: float
) -> None:
    await Tended.of(Daily(), storage, clock, counters)
    clock.instant = MIDNIGHT + timedelta(seconds=1)
    await stopped_in_a_run(storage, clock, counters)
    left = await row(storage)
    clock.move(later)
    job = Daily()
    other = await Tended.of(job, storage, clock, counters)
    await other.look()
    await settle(other)

    assert (left.lease_until, left.next_due) == (MIDNIGHT + timedelta(seconds=1), MIDNIGHT)
    assert (left.last_outcome, left.last_finished) == ("cancelled", left.lease_until)
    assert job.runs == [MIDNIGHT]
    assert counters.value("jobs.work.missed") == 0
    ended = await row(storage)
    assert (ended.lease_until, ended.last_outcome) == (None, "ok")
    assert ended.next_due > clock.now()


async def test_what_somebody_asked_for_is_still_asked_for(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    await Tended.of(Daily(), storage, clock, counters)
    asked = clock.now()
    async with storage.transaction() as tx:
        assert await tx.jobs.run_now("work", asked)
    clock.move(1)
    first = await stopped_in_a_run(storage, clock, counters)
    clock.move(90)
    job = Daily()
    other = await Tended.of(job, storage, clock, counters)
    for _ in range(2):
        await other.look()
        await settle(other)

    assert (first.runs, job.runs) == ([asked], [asked])
    ended = await row(storage)
    assert (ended.asked_at, ended.next_due) == (None, MIDNIGHT)
