"""A storage that shows what is done in its transactions, and can be held at the end of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agentbox.plugin.storage import Storage, Transaction


class _WatchedTransaction:
    def __init__(self, tx: Transaction, seen: list[str]) -> None:
        self._tx = tx
        self._seen = seen

    async def lock(self, name: str) -> None:
        self._seen.append(f"lock {name}")
        await self._tx.lock(name)

    def __getattr__(self, name: str) -> Any:
        self._seen.append(name)
        return getattr(self._tx, name)


class WatchedStorage:
    """Notes the locks taken and the stores used by each transaction that writes.

    With `go` cleared, a transaction that has been committed does not return before it is set; with
    `holds`, only one that used that store.
    """

    holds: str | None = None

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.writes: list[list[str]] = []
        self.committed, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False, **more: Any) -> AsyncIterator[Any]:
        if read_only:
            async with self._storage.transaction(read_only=True, **more) as tx:
                yield tx
            return
        self.writes.append([])
        used = self.writes[-1]
        async with self._storage.transaction() as tx:
            yield _WatchedTransaction(tx, used)
        if self.holds is None or self.holds in used:
            self.committed.set()
            await self.go.wait()
