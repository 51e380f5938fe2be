"""Who caches rights hears of changes."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.plugin.storage import ALL_CHANGED, Change, Storage
from agentbox.testing.samples import a_user
from agentbox.testing.storage.harness import StorageFactory, StorageTests
from agentbox.testing.storage.rollback import Refused

SOON = 5.0
"""Seconds that another process's change may take at most; a second is what users notice."""


class ChangeTests(StorageTests):
    """Notices."""

    async def test_a_listener_hears_before_the_transaction_returns(self, storage: Storage) -> None:
        heard: list[Change] = []
        storage.on_change(heard.append)

        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            tx.changed(Change("user", "user-1"))
            tx.changed(Change("session", "session-1"))
            assert heard == []

        assert heard == [Change("user", "user-1"), Change("session", "session-1")]

    async def test_a_rollback_tells_nobody(self, storage: Storage) -> None:
        heard: list[Change] = []
        storage.on_change(heard.append)

        with pytest.raises(Refused):
            async with storage.transaction() as tx:
                tx.changed(Change("user", "user-1"))
                raise Refused

        assert heard == []

    async def test_every_listener_hears(self, storage: Storage) -> None:
        first: list[Change] = []
        second: list[Change] = []
        storage.on_change(first.append)
        storage.on_change(second.append)

        async with storage.transaction() as tx:
            tx.changed(Change("user", "user-1"))

        assert first == second == [Change("user", "user-1")]

    async def test_another_process_s_change_is_heard_soon(
        self, storage: Storage, factory: StorageFactory
    ) -> None:
        heard: asyncio.Queue[Change] = asyncio.Queue()
        storage.on_change(heard.put_nowait)

        other = factory.make()
        async with other.open(), other.transaction() as tx:
            await tx.users.add(a_user())
            tx.changed(Change("user", "user-1"))

        change = await asyncio.wait_for(heard.get(), SOON)
        assert change in (ALL_CHANGED, Change("user", "user-1"))
