"""A job's last transaction ends its run, together with what it writes."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.core.counters import Counters
from agentbox.model.jobs import JobState
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import MINUTE, Make, Work, row, settle
from tests.core.world import START, ManualClock


async def write(run: JobRun, *, last: bool = True, error: BaseException | None = None) -> None:
    async with run.transaction(last=last) as tx:
        await tx.markers.claim("written", "x")
        if error is not None:
            raise error


async def written(storage: Storage) -> bool:
    async with storage.transaction(read_only=True) as tx:
        return await tx.markers.get("written") is not None


async def test_the_last_transaction_moves_the_date_with_what_it_writes(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    seen: list[JobState] = []

    async def work(run: JobRun) -> None:
        await write(run)
        seen.append(await row(storage))

    one = await scheduler(Work(work))
    clock.move(60)
    await one.look()
    await settle(one)

    assert [(state.lease_until, state.next_due) for state in seen] == [(None, START + 2 * MINUTE)]
    assert await written(storage)


# SC-01: a process that dies after its last commit does not have the tick run again
@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError()], ids=repr)
async def test_what_fails_after_the_last_transaction_is_not_run_again(
    scheduler: Make, clock: ManualClock, storage: Storage, error: BaseException
) -> None:
    async def work(run: JobRun) -> None:
        await write(run)
        raise error

    one = await scheduler(Work(work))
    clock.move(60)
    await one.look()
    await settle(one)

    assert (await row(storage)).next_due == START + 2 * MINUTE


async def test_a_stop_after_the_last_transaction_does_not_bring_the_run_back(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    done = asyncio.Event()

    async def work(run: JobRun) -> None:
        await write(run)
        done.set()
        await asyncio.Event().wait()

    one = await scheduler(Work(work))
    clock.move(60)
    await one.look()
    await done.wait()
    await one.stop(timeout=0.05)

    assert (await row(storage)).next_due == START + 2 * MINUTE


async def test_a_last_transaction_that_fails_leaves_the_run_to_the_scheduler(
    scheduler: Make, clock: ManualClock, storage: Storage
) -> None:
    one = await scheduler(Work(lambda run: write(run, error=ValueError("x"))))
    clock.move(60)
    await one.look()
    await settle(one)
    state = await row(storage)

    assert (state.lease_until, state.next_due) == (None, START + 2 * MINUTE)
    assert not await written(storage)


async def test_there_is_no_transaction_after_the_last(
    scheduler: Make, clock: ManualClock, counters: Counters
) -> None:
    async def work(run: JobRun) -> None:
        await write(run)
        await write(run, last=False)

    one = await scheduler(Work(work))
    clock.move(60)
    await one.look()
    await settle(one)

    assert counters.value("jobs.work.failed") == 1


class Configured(Work):
    """Told its name when it is made."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.interval = 2 * MINUTE


async def test_jobs_may_be_told_their_names_when_they_are_made(
    scheduler: Make, clock: ManualClock
) -> None:
    jobs = [Configured("one"), Configured("two")]
    one = await scheduler(*jobs)
    clock.move(120)
    await one.look()
    await settle(one)

    assert [job.runs for job in jobs] == [[START + 2 * MINUTE]] * 2
