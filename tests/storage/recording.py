"""A SQLite storage that keeps what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agentbox.model.jobs import Lease
from agentbox.plugin.sql import SqlTransaction
from agentbox_sqlite.storage import SqliteStorage

sent: list[str] = []
"""Every statement since the last `sent.clear()`."""


class Recording(SqliteStorage):
    """Keeps every statement that the kit sends."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=read_only, single=single, lease=lease) as tx:
            assert isinstance(tx, SqlTransaction)
            _record(tx._db)
            yield tx


def _record(db: Any) -> None:
    fetch, run_many = db.fetch, db.run_many

    async def recording_fetch(sql: str, *values: Any) -> Any:
        sent.append(sql)
        return await fetch(sql, *values)

    async def recording_run_many(sql: str, rows: Iterable[Sequence[Any]]) -> None:
        sent.append(sql)
        await run_many(sql, rows)

    db.fetch, db.run_many = recording_fetch, recording_run_many
