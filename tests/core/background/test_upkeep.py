"""What every process does again and again, and the job that deletes what is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from agentbox.core.background.expiry import PurgeExpired
from agentbox.core.background.scheduler import ClaimedRun
from agentbox.core.background.upkeep import repeat
from agentbox.errors import StorageError
from agentbox.model.api_keys import RateMark
from agentbox.model.formats.rate_limit import PERIODS
from agentbox.model.users import PasswordReset
from agentbox.plugin.storage import Storage
from tests.core.world import START, World, add_key, add_session, add_user


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


async def test_a_step_that_goes_on_failing_is_logged_when_it_begins_and_when_it_ends() -> None:
    over = asyncio.Event()
    gone, defect = StorageError("gone"), KeyError("x")
    steps = iter([gone, gone, gone, None, gone, defect, defect, None])

    async def step() -> None:
        error = next(steps, over)
        if error is over:
            over.set()
        elif isinstance(error, Exception):
            raise error

    with structlog.testing.capture_logs() as lines:
        loop = asyncio.create_task(repeat("step", 0.001, step))
        await asyncio.wait_for(over.wait(), 10)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    assert [(line["event"], line.get("error")) for line in lines] == [
        ("upkeep_failed", "gone"),
        ("upkeep_works_again", None),
        ("upkeep_failed", "gone"),
        ("upkeep_failed", "KeyError"),
        ("upkeep_works_again", None),
    ]


async def test_what_expired_a_day_ago_is_deleted(world: World, storage: Storage) -> None:
    user = await add_user(storage)
    old = await add_session(storage, user)
    world.clock.instant = old.expires_at + timedelta(days=1, seconds=1)
    new = await add_session(storage, user, expires_at=world.clock.now())
    await run_once(world, storage)

    assert await world.session(old.id) is None
    assert await world.session(new.id) is not None


async def run_once(world: World, storage: Storage) -> None:
    job = PurgeExpired(world.clock)
    async with storage.transaction() as tx:
        await tx.jobs.ensure(job.name, world.clock.now())
        lease = await tx.jobs.claim(job.name, world.clock.now(), world.clock.now() + job.timeout)
    assert lease is not None
    await job.run(ClaimedRun(job, storage, world.clock, lease, world.clock.now()))


async def test_counts_of_uses_are_kept_for_90_days(world: World, storage: Storage) -> None:
    key = await add_key(storage, await add_user(storage), ["self:read"])
    hour, day = timedelta(hours=1), timedelta(days=1)
    kept = [START - 90 * day, START - day, START]
    gone = [START - 90 * day - hour, START - 400 * day]
    async with storage.transaction() as tx:
        await tx.api_key_usage.add({(key.id, each): 1 for each in kept + gone})
    await run_once(world, storage)

    async with storage.transaction(read_only=True) as tx:
        left = await tx.api_key_usage.list(key.id, START - 500 * day, START + day)
    assert [each.hour for each in left] == kept


async def test_marks_of_limited_keys_are_kept_for_longer_than_any_rate_counts(
    world: World, storage: Storage
) -> None:
    user = await add_user(storage)
    old = await add_key(storage, user, ["self:read"])
    new = await add_key(storage, user, ["self:read"])
    longest = max(timedelta(seconds=seconds) for seconds in PERIODS.values())
    async with storage.transaction() as tx:
        await tx.api_key_rates.put(
            old.id, [RateMark(START - 2 * longest - timedelta(microseconds=1), 1)]
        )
        await tx.api_key_rates.put(new.id, [RateMark(START - longest, 1)])
    await run_once(world, storage)

    async with storage.transaction(read_only=True) as tx:
        assert not await tx.api_key_rates.get(old.id)
        assert await tx.api_key_rates.get(new.id)


async def test_reset_secrets_go_a_day_after_they_expired(world: World, storage: Storage) -> None:
    old, new = await add_user(storage), await add_user(storage)
    day, tick = timedelta(days=1), timedelta(microseconds=1)
    async with storage.transaction() as tx:
        await tx.password_resets.put(PasswordReset(old.id, bytes(32), START, START - day - tick))
        await tx.password_resets.put(PasswordReset(new.id, bytes(32), START, START - day))
    await run_once(world, storage)

    async with storage.transaction(read_only=True) as tx:
        assert await tx.password_resets.get(old.id) is None
        assert await tx.password_resets.get(new.id) is not None
