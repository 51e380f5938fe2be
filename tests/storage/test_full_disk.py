"""A full disk: reading goes on, writing says so, and it all works again when there is room."""

from __future__ import annotations

import pytest

from agentbox.errors import StorageError
from agentbox.testing.samples import NOON, a_digest, a_user, an_api_key, an_event
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.database import full


async def fill(storage: SqliteStorage) -> None:
    async with storage.transaction() as tx:
        for number in range(200):
            await tx.audit.add(an_event(str(number), target="x" * 4000))


async def test_writing_says_that_the_disk_is_full(sqlite: SqliteStorage) -> None:
    # ST-10, as far as SQLite's own limit shows it
    async with full(sqlite):
        with pytest.raises(StorageError) as caught:
            await fill(sqlite)
    assert caught.value.full


async def test_reading_goes_on_and_nothing_is_there_by_halves(sqlite: SqliteStorage) -> None:
    # ST-10
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())
        await tx.api_keys.add(an_api_key(), a_digest())
    async with full(sqlite):
        with pytest.raises(StorageError):
            await fill(sqlite)
        async with sqlite.transaction(read_only=True) as tx:
            assert await tx.users.get("user-1") == a_user()
            assert list(await tx.audit.last(1)) == []
        await sqlite.ping()


async def test_a_key_can_still_be_revoked(sqlite: SqliteStorage) -> None:
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())
        await tx.api_keys.add(an_api_key(), a_digest())
    async with full(sqlite):
        async with sqlite.transaction() as tx:
            assert await tx.api_keys.revoke("key-1", NOON)


async def test_writing_works_again_when_there_is_room(sqlite: SqliteStorage) -> None:
    # ST-10
    async with full(sqlite):
        with pytest.raises(StorageError):
            await fill(sqlite)
    await fill(sqlite)

    async with sqlite.transaction(read_only=True) as tx:
        assert len(await tx.audit.last(1000)) == 200
