"""What every group stands on: the author's factory, and an open storage made by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
import pytest_asyncio
from msgspec import Struct

from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.storage import Storage, Transaction


class StorageFactory(Struct, frozen=True, kw_only=True):
    """How the suite gets at one database, empty at the beginning of each test.

    `make` gives a new, unopened `Storage` on that database each time; `unreachable` one on a
    database that does not answer; `folders` are the backend's own migrations.
    """

    make: Callable[[], Storage]
    unreachable: Callable[[], Storage]
    folders: Sequence[MigrationFolder]


async def migrated(factory: StorageFactory) -> Storage:
    """A new storage whose schema is there, not yet open."""
    storage = factory.make()
    await asyncio.to_thread(storage.migrate, factory.folders)
    return storage


async def in_transaction(
    storage: Storage, step: Callable[[Transaction], Awaitable[object]]
) -> None:
    """One step in a transaction of its own."""
    async with storage.transaction() as tx:
        await step(tx)


class StorageTests:
    """The fixtures of a group."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def factory(self) -> StorageFactory:
        """Override this one."""
        raise NotImplementedError("a subclass of StorageSuite overrides the fixture `factory`")

    @pytest_asyncio.fixture
    async def storage(self, factory: StorageFactory) -> AsyncIterator[Storage]:
        """Open, with its schema, empty."""
        storage = await migrated(factory)
        async with storage.open():
            yield storage
