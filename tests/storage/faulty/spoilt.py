"""What faulty storages are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
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


class MeasuresOtherwise(Spoilt):
    """Sends another text wherever a statement about reports or samples has `right`."""

    right = ""
    wrong = ""

    def spoil(self, tx: Any) -> None:
        fetch, run_many = tx._db.fetch, tx._db.run_many

        async def rewritten(sql: str, *values: Any) -> Any:
            return await fetch(self._wrong(sql), *values)

        async def many_rewritten(sql: str, rows: Iterable[Sequence[Any]]) -> None:
            await run_many(self._wrong(sql), rows)

        tx._db.fetch, tx._db.run_many = rewritten, many_rewritten

    def _wrong(self, sql: str) -> str:
        about = "metric_" in sql or "environment_reports" in sql
        return sql.replace(self.right, self.wrong) if about else sql
