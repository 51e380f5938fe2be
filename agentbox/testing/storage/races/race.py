"""Two instances on one database, as two processes are, and many tasks in each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest_asyncio

from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.storage.harness import StorageFactory, StorageTests

RACERS = 16

Step = Callable[[Transaction, int], Awaitable[object]]


async def race(storages: Sequence[Storage], step: Step) -> list[object]:
    """What each of `RACERS` transactions, spread over the storages, got."""

    async def run(number: int) -> object:
        async with storages[number % len(storages)].transaction() as tx:
            return await step(tx, number)

    return await asyncio.gather(*(run(number) for number in range(RACERS)), return_exceptions=True)


class TwoInstances(StorageTests):
    """The fixture of the races."""

    @pytest_asyncio.fixture
    async def both(self, storage: Storage, factory: StorageFactory) -> AsyncIterator[list[Storage]]:
        other = factory.make()
        async with other.open():
            yield [storage, other]
