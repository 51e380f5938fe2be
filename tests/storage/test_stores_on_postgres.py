"""The stores of the SQL kit, run on a real Postgres with real values.

Until there is a Postgres backend, a stand-in with one connection serves the groups of the suite
that need no second one. It proves the statements, and nothing about transactions.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin.migrations import MigrationFolder, SchemaStatus
from agentbox.plugin.sql import Row, SqlTransaction, Value, unique_violation
from agentbox.plugin.storage import Storage
from agentbox.testing import StorageFactory
from agentbox.testing.storage import (
    CrudTests,
    ListTests,
    PurgeTests,
    TextTests,
    TimeTests,
    UniquenessTests,
)
from tests.postgres import Postgres
from tests.storage.test_statements_on_postgres import SCHEMA


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        columns = re.search(r"Key \((.*?)\)=", error.detail or "")
        assert columns is not None
        last = columns[1].rpartition(", ")[2]
        raise unique_violation(f"{error.table_name}.{last}") from error
    except (asyncpg.PostgresError, asyncpg.DataError, UnicodeEncodeError) as error:
        raise StorageError(f"Postgres: {error}") from error


class Connection:
    """What the kit runs on."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: Value) -> Sequence[Row]:
        with translated():
            return [tuple(row) for row in await self._connection.fetch(sql, *values)]

    async def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        with translated():
            await self._connection.executemany(sql, list(rows))

    async def lock(self, name: str) -> None:
        """There is one connection."""

    def instant(self, value: Any) -> datetime:
        instant: datetime = value.astimezone(UTC)
        return instant


class OneConnection(Storage):
    """All in one transaction, which is rolled back when it is closed; each in a savepoint."""

    name = "postgres"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    @asynccontextmanager
    async def open(self, *, brief: bool = False) -> AsyncIterator[None]:
        self._connection = await asyncpg.connect(self._dsn)
        outer = self._connection.transaction()
        await outer.start()
        try:
            await self._connection.execute(SCHEMA.read_text())
            yield
        finally:
            await outer.rollback()
            await self._connection.close()

    @asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        assert self._connection is not None
        async with self._connection.transaction():
            yield SqlTransaction(Connection(self._connection))

    async def ping(self) -> None: ...

    async def now(self) -> datetime:
        assert self._connection is not None
        with translated():
            now: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        return now

    def on_change(self, listener: Any) -> None:
        """Nobody listens."""

    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        raise NotImplementedError("there are no migrations for Postgres yet")

    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        return ()


class TestPostgres(CrudTests, ListTests, UniquenessTests, TimeTests, TextTests, PurgeTests):
    """Postgres takes what the kit sends, and gives back what was put in."""

    @pytest.fixture
    def factory(self, postgres: Postgres) -> StorageFactory:
        return StorageFactory(
            make=lambda: OneConnection(postgres.dsn()),
            unreachable=lambda: OneConnection("postgresql:///?host=/missing"),
            folders=[],
        )
