"""How often keys are used, hour by hour: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentbox.core.recognition import last_used
from agentbox.core.recognition.last_used import LastUsed
from agentbox.errors import StorageError
from agentbox.model.api_keys import ApiKey
from agentbox.plugin.storage import Storage
from tests.core.world import START, World, add_key, add_user

HOUR = timedelta(hours=1)


async def a_key(world: World, **fields: Any) -> ApiKey:
    return await add_key(world.storage, await add_user(world.storage), ["self:read"], **fields)


async def counted(world: World, key: ApiKey) -> Mapping[datetime, int]:
    async with world.storage.transaction(read_only=True) as tx:
        rows = await tx.api_key_usage.list(key.id, START - 100 * HOUR, START + 100 * HOUR)
    return dict(rows)


class Held:
    """A storage whose writes fail, or wait in the middle, when told to."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.failing = False
        self.written, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[Any]:
        async with self._storage.transaction(**options) as tx:
            yield tx
            self.written.set()
            await self.go.wait()
            if self.failing:
                raise StorageError("gone")


async def test_uses_are_counted_in_the_full_hour_they_fall_into(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    for minutes in (0, 1, 59, 60, 61, 200):
        notes.note(key.id, START + timedelta(minutes=minutes))
    await notes.flush()

    assert await counted(world, key) == {START: 3, START + HOUR: 2, START + 3 * HOUR: 1}


async def test_a_clock_that_was_set_back_counts_in_the_hour_before(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    notes.note(key.id, START)
    notes.note(key.id, START - timedelta(seconds=1))
    await notes.flush()

    assert await counted(world, key) == {START - HOUR: 1, START: 1}


async def test_flushes_add_up(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    for _ in range(3):
        notes.note(key.id, START)
        notes.note(key.id, START)
        await notes.flush()
    await notes.flush()

    assert await counted(world, key) == {START: 6}


async def test_two_processes_add_up(world: World) -> None:
    key = await a_key(world)
    for notes in (LastUsed(world.storage), LastUsed(world.storage)):
        notes.note(key.id, START)
        await notes.flush()

    assert await counted(world, key) == {START: 2}


async def test_a_key_is_counted_once_in_whatever_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_used, "BATCH", 2)
    keys, notes = [await a_key(world) for _ in range(5)], LastUsed(world.storage)
    for each in (*keys, *keys):
        notes.note(each.id, START)
        notes.note(each.id, START + HOUR)

    assert await notes.flush() == 10
    for key in keys:
        assert await counted(world, key) == {START: 2, START + HOUR: 2}


async def test_a_flush_that_fails_loses_nothing_and_writes_nothing(world: World) -> None:
    key, held = await a_key(world), Held(world.storage)
    notes = LastUsed(held)  # type: ignore[arg-type]
    notes.note(key.id, START)
    held.failing = True
    with pytest.raises(StorageError):
        await notes.flush()
    assert await counted(world, key) == {}
    held.failing = False
    notes.note(key.id, START)
    await notes.flush()

    assert await counted(world, key) == {START: 2}


async def test_what_is_noted_while_a_flush_is_written_is_counted_by_the_next(world: World) -> None:
    key, held = await a_key(world), Held(world.storage)
    notes = LastUsed(held)  # type: ignore[arg-type]
    notes.note(key.id, START)
    held.go.clear()
    flushing = asyncio.create_task(notes.flush())
    await held.written.wait()
    notes.note(key.id, START)
    notes.note(key.id, START)
    held.go.set()
    await flushing
    assert await counted(world, key) == {START: 1}
    await notes.flush()

    assert await counted(world, key) == {START: 3}


async def test_a_flush_whose_caller_is_cancelled_goes_on_and_counts_once(world: World) -> None:
    key, held = await a_key(world), Held(world.storage)
    notes = LastUsed(held)  # type: ignore[arg-type]
    notes.note(key.id, START)
    held.go.clear()
    flushing = asyncio.create_task(notes.flush())
    await held.written.wait()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    last = asyncio.create_task(notes.flush())  # as a server does when it stops
    held.go.set()
    await last

    assert await counted(world, key) == {START: 1}


async def test_two_flushes_at_once_count_once(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    for _ in range(10):
        notes.note(key.id, START)
    await asyncio.gather(*(notes.flush() for _ in range(5)))

    assert await counted(world, key) == {START: 10}


async def test_uses_before_a_revocation_are_counted(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    notes.note(key.id, START)
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(key.id, START)
    await notes.flush()

    assert await counted(world, key) == {START: 1}


async def test_a_key_that_is_gone_keeps_no_other_from_being_counted(world: World) -> None:
    key, notes = await a_key(world), LastUsed(world.storage)
    notes.note("gone", START)
    notes.note(key.id, START)
    await notes.flush()

    assert await counted(world, key) == {START: 1}
    assert await notes.flush() == 0
