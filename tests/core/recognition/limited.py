"""Limited keys, used by processes that share a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agentbox.core.recognition.rates import Rates
from agentbox.errors import StorageError
from agentbox.plugin.storage import Storage
from tests.core.world import World, add_key, add_user


class Watched:
    """A storage that counts its transactions, and fails before or after the work when told so."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.transactions = 0
        self.failing = ""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        self.transactions += 1
        if self.failing == "at once":
            raise StorageError("gone")
        async with self._storage.transaction() as tx:
            yield tx
        if self.failing == "after the commit":
            raise StorageError("gone")


class Uses:
    """The uses of one key by one process."""

    def __init__(self, world: World, key_id: str) -> None:
        self.storage = Watched(world.storage)
        self.key_id = key_id
        self.rates = Rates(self.storage, world.clock)  # type: ignore[arg-type]

    async def wait(self, rate: str) -> int:
        """One use: 0, or the seconds until there may be one."""
        known = self.rates.known(self.key_id, rate)
        return await self.rates.ask(self.key_id, rate) if known is None else known

    async def allowed(self, rate: str, times: int) -> int:
        """How many of so many uses at once get through."""
        return [await self.wait(rate) for _ in range(times)].count(0)

    async def at_once(self, rate: str, times: int) -> int:
        """The same, of uses that are all there at the same time."""
        return (await asyncio.gather(*(self.wait(rate) for _ in range(times)))).count(0)


async def a_key(world: World) -> str:
    return (await add_key(world.storage, await add_user(world.storage), ["self:read"])).id


async def counted(world: World, key_id: str) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return sum(mark.uses for mark in await tx.api_key_rates.get(key_id))
