"""When keys were last used: in batches, and never what was revoked."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.recognition import last_used
from agentbox.core.recognition.last_used import LastUsed
from agentbox.errors import StorageError
from agentbox.model.api_keys import ApiKey
from agentbox.plugin.storage import Storage, Transaction
from tests.core.recognition.chain import CREDENTIAL, Remembered, recognition
from tests.core.world import (
    START,
    World,
    add_key,
    add_session,
    add_user,
    key_evidence,
)


class Counting:
    """A storage that counts its transactions, and fails when told to."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.transactions = 0
        self.broken = False

    def transaction(self, **options: Any) -> AbstractAsyncContextManager[Transaction]:
        if self.broken:
            raise StorageError("gone")
        self.transactions += 1
        return self._storage.transaction(**options)


async def stored(world: World, key: ApiKey) -> ApiKey:
    async with world.storage.transaction(read_only=True) as tx:
        found = await tx.api_keys.get(key.id)
    assert found is not None
    return found


async def a_key(world: World, **fields: Any) -> ApiKey:
    return await add_key(world.storage, await add_user(world.storage), ["self:read"], **fields)


async def test_a_use_is_written_by_the_next_flush(world: World) -> None:
    key = await a_key(world)
    notes = LastUsed(world.storage)
    notes.note(key.id, START)
    await notes.flush()

    assert (await stored(world, key)).last_used == START


async def test_many_uses_of_one_key_are_one_write(world: World) -> None:
    key = await a_key(world)
    notes = LastUsed(world.storage)
    for second in range(100):
        notes.note(key.id, START + timedelta(seconds=second))

    assert await notes.flush() == 1


async def test_keys_are_written_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_used, "BATCH", 10)
    storage = Counting(world.storage)
    notes = LastUsed(storage)  # type: ignore[arg-type]
    for number in range(25):
        notes.note(f"k{number}", START)
    written = await notes.flush()

    assert (written, storage.transactions) == (25, 3)


async def test_nothing_noted_writes_nothing(world: World) -> None:
    storage = Counting(world.storage)
    await LastUsed(storage).flush()  # type: ignore[arg-type]

    assert storage.transactions == 0


async def test_what_could_not_be_written_stays_noted(world: World) -> None:
    key = await a_key(world)
    storage = Counting(world.storage)
    storage.broken = True
    notes = LastUsed(storage)  # type: ignore[arg-type]
    notes.note(key.id, START)
    with pytest.raises(StorageError):
        await notes.flush()
    storage.broken = False

    assert await notes.flush() == 1


# AK-05: a last use brings no key back
async def test_a_use_never_brings_back_a_revoked_key(world: World) -> None:
    key = await a_key(world)
    notes = LastUsed(world.storage)
    notes.note(key.id, START)
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(key.id, START)
    await notes.flush()

    assert (await stored(world, key)).revoked_at == START


async def test_a_use_noted_while_a_batch_is_written_is_not_lost(world: World) -> None:
    key = await a_key(world)
    notes = LastUsed(world.storage)
    notes.note(key.id, START)
    async with world.storage.transaction():
        flushing = asyncio.create_task(notes.flush())
        await asyncio.sleep(0)
        notes.note(key.id, START + timedelta(seconds=1))
    await flushing
    await notes.flush()

    assert (await stored(world, key)).last_used == START + timedelta(seconds=1)


async def test_a_refused_key_is_not_noted_as_used(world: World) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"], revoked_at=START)
    chain = recognition(world, [Remembered(key_evidence(user, key))])
    await asyncio.gather(chain.recognise(CREDENTIAL), return_exceptions=True)

    assert await chain._last_used.flush() == 0


async def test_a_recognised_key_is_noted_as_used(world: World) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"])
    chain = recognition(world, [Remembered(key_evidence(user, key))])
    await chain.recognise(CREDENTIAL)

    assert await chain._last_used.flush() == 1


# --- sessions ------------------------------------------------------------------------------------


async def test_uses_of_a_session_are_one_write_with_those_of_keys(world: World) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"])
    session = await add_session(world.storage, user)
    storage = Counting(world.storage)
    notes = LastUsed(storage)  # type: ignore[arg-type]
    for second in range(100):
        notes.note_session(session.id, START + timedelta(seconds=second))
        notes.note(key.id, START)
    await notes.flush()
    found = await world.session(session.id)

    assert found is not None
    assert (found.last_used, storage.transactions) == (START + timedelta(seconds=99), 1)
    assert await notes.flush() == 0


async def test_uses_of_sessions_that_could_not_be_written_are_tried_again(world: World) -> None:
    session = await add_session(world.storage, await add_user(world.storage))
    storage = Counting(world.storage)
    notes = LastUsed(storage)  # type: ignore[arg-type]
    notes.note_session(session.id, START)
    storage.broken = True
    with pytest.raises(StorageError):
        await notes.flush()
    storage.broken = False
    await notes.flush()
    found = await world.session(session.id)

    assert found is not None
    assert found.last_used == START


async def test_more_sessions_than_a_batch_holds_are_all_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_used, "BATCH", 2)
    user = await add_user(world.storage)
    sessions = [await add_session(world.storage, user) for _ in range(5)]
    notes = LastUsed(world.storage)
    for session in sessions:
        notes.note_session(session.id, START)

    assert await notes.flush() == 5
    assert [s and s.last_used for s in [await world.session(s.id) for s in sessions]] == [START] * 5
