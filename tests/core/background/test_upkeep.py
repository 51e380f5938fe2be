"""What every process does again and again, and the job that deletes what is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentbox.core.background.scheduler import ClaimedRun
from agentbox.core.background.upkeep import PurgeExpired, repeat
from agentbox.errors import StorageError
from agentbox.model.users import PasswordReset
from agentbox.plugin.storage import Storage
from tests.core.world import World, add_session, add_user


@pytest.mark.parametrize(
    "error",
    [StorageError("gone"), KeyError("x"), RecursionError(), ExceptionGroup("x", [OSError()])],
)
async def test_a_step_that_fails_is_tried_again(error: Exception) -> None:
    again = asyncio.Event()
    failures = [error]

    async def step() -> None:
        if failures:
            raise failures.pop()
        again.set()

    loop = asyncio.create_task(repeat("step", 0.001, step))
    await asyncio.wait_for(again.wait(), 10)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    assert failures == []


async def test_what_expired_a_day_ago_is_deleted_and_the_run_is_over(
    world: World, storage: Storage
) -> None:
    user = await add_user(storage)
    old = await add_session(storage, user)
    world.clock.instant = old.expires_at + timedelta(days=1, seconds=1)
    new = await add_session(storage, user, expires_at=world.clock.now())
    async with storage.transaction() as tx:
        await tx.password_resets.put(
            PasswordReset(user.id, b"digest", old.created_at, old.expires_at)
        )
    job = PurgeExpired(world.clock)
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, world.clock.now())
        lease = await tx.jobs.claim(job.name, world.clock.now(), world.clock.now() + job.timeout)
    assert lease is not None
    await job.run(ClaimedRun(job, storage, world.clock, lease, world.clock.now()))
    async with storage.transaction(read_only=True) as tx:
        state = await tx.jobs.get(job.name)

    assert await world.session(old.id) is None
    assert await world.waiting_reset(user.id) is None
    assert await world.session(new.id) is not None
    assert state is not None
    assert (state.lease_until, state.next_due) == (None, world.clock.now() + job.interval)
