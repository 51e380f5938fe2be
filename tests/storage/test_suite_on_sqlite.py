"""The conformance suite on the bundled backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentbox.model.jobs import Lease
from agentbox.plugin.sql import SqlTransaction
from agentbox.testing import StorageFactory, StorageSuite
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.database import sqlite_factory
from tests.storage.statements import every_statement, shape

sent: set[str] = set()


class Recording(SqliteStorage):
    """Keeps every statement that the kit sends."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=read_only, lease=lease) as tx:
            assert isinstance(tx, SqlTransaction)
            _record(tx._db)
            yield tx


def _record(db: Any) -> None:
    fetch, run_many = db.fetch, db.run_many

    async def recording_fetch(sql: str, *values: Any) -> Any:
        sent.add(sql)
        return await fetch(sql, *values)

    async def recording_run_many(sql: str, rows: Iterable[Sequence[Any]]) -> None:
        sent.add(sql)
        await run_many(sql, rows)

    db.fetch, db.run_many = recording_fetch, recording_run_many


class TestSqlite(StorageSuite):
    """SQLite keeps the contract, with no statement but those that are also tried on Postgres."""

    @pytest.fixture
    def factory(self, database: Path) -> Iterator[StorageFactory]:
        sent.clear()
        yield sqlite_factory(database, Recording)
        tried = every_statement()
        shapes = {shape(statement) for statement in tried}
        assert [each for each in sent - tried if shape(each) not in shapes] == []
