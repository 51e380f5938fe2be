"""What faulty storages are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agentbox.model.jobs import Lease
from agentbox.plugin.sql import SqlTransaction
from agentbox_sqlite.storage import SqliteStorage


class Spoilt(SqliteStorage):
    """Hands each transaction to `spoil` first."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=read_only, single=single, lease=lease) as tx:
            assert isinstance(tx, SqlTransaction)
            self.spoil(tx)
            yield tx

    def spoil(self, tx: Any) -> None:
        """Break a promise."""


class NoForeignKeys(Spoilt):
    """Deletes a row and leaves what hangs on it."""

    @asynccontextmanager
    async def open(self, *, brief: bool = False) -> AsyncIterator[None]:
        async with super().open(brief=brief):
            await self._writer._connection.execute_fetchall("PRAGMA foreign_keys = OFF")
            yield
