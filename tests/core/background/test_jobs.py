"""What is told of jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.core.background.jobs import JobView
from agentbox.core.background.schedule import begins_at
from agentbox.model.jobs import Lease
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import MINUTE, PLACE, Other, Work, told
from tests.core.world import START, ManualClock

HOUR = timedelta(hours=1)


class Spread(Work):
    interval = HOUR
    jitter = timedelta(minutes=10)


async def claim(storage: Storage, clock: ManualClock, lease: timedelta) -> None:
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", clock.now())
        assert await tx.jobs.claim("work", clock.now(), clock.now() + lease, "here:1") is not None


async def test_a_job_without_a_row_has_a_schedule_alone(
    storage: Storage, clock: ManualClock
) -> None:
    views = await told(storage, clock, Work(), Other())

    assert list(views) == ["other", "work"]
    assert views["work"] == JobView(
        name="work", schedule="every 1m", everywhere=False, running=False, interval=MINUTE
    )


async def test_rows_of_jobs_that_nobody_has_any_more_are_not_told_of(
    storage: Storage, clock: ManualClock
) -> None:
    async with storage.transaction() as tx:
        await tx.jobs.ensure("gone-work", clock.now())

    assert list(await told(storage, clock, Work())) == ["work"]


async def test_while_a_job_runs_the_next_run_is_the_one_after_it(
    storage: Storage, clock: ManualClock
) -> None:
    await claim(storage, clock, HOUR)
    clock.move(90)
    view = (await told(storage, clock, Work()))["work"]

    assert (view.running, view.next_due) == (True, START + 2 * MINUTE)
    assert (view.last_started, view.last_outcome, view.last_process) == (START, None, "here:1")


async def test_a_run_whose_process_died_is_lost(storage: Storage, clock: ManualClock) -> None:
    await claim(storage, clock, MINUTE)
    clock.move(60)
    view = (await told(storage, clock, Work()))["work"]

    assert (view.running, view.last_outcome, view.last_finished) == (False, "lost", None)


@pytest.mark.parametrize("outcome", ["ok", "failed", "timeout", "cancelled"])
async def test_a_run_that_ended_is_told_of_as_it_ended(
    storage: Storage, clock: ManualClock, outcome: str
) -> None:
    await claim(storage, clock, MINUTE)
    async with storage.transaction() as tx:
        state = await tx.jobs.get("work")
        assert state is not None
        lease = Lease("work", state.fence)
        await tx.jobs.finish(lease, START + MINUTE, at=clock.now(), outcome=outcome)
    view = (await told(storage, clock, Work()))["work"]

    assert (view.last_outcome, view.last_finished) == (outcome, START)


async def test_the_next_run_is_told_of_with_its_jitter(
    storage: Storage, clock: ManualClock
) -> None:
    async with storage.transaction() as tx:
        await tx.jobs.ensure("work", START + HOUR)
    view = (await told(storage, clock, Spread()))["work"]

    assert view.next_due == begins_at(Spread(), START + HOUR, PLACE)
    assert view.next_due != START + HOUR
