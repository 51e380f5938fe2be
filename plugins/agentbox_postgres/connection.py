"""What the SQL kit runs on: one transaction's connection, and what Postgres raises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from agentbox.errors import AgentboxError, StorageError
from agentbox.plugin.sql import Row, Value, unique_violation
from agentbox_postgres.patience import Patience

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('agentbox:' || $1::text, 0))"

FAILURES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
)
"""What asyncpg raises when a database refuses, is gone, or does not answer. A closed connection is
an `InterfaceError`, a standby where a primary is wanted an `InternalClientError`."""

BATCH: Final = 100
"""Rows that are sent together: so many are answered at once, where the database works at all."""

_KEY = re.compile(r"Key \((.*?)\)=")


class PostgresConnection:
    """One transaction on one connection; after `close` it refuses every statement.

    Its statements spend `patience`. `broken` is true once the connection is not to be used again:
    it did not answer in time, or leads to a server that takes no writes; `demoted` is true of the
    latter.
    """

    def __init__(self, connection: Any, patience: Patience, *, single: bool = False) -> None:
        self._connection = connection
        self.patience = patience
        self._single = single
        self._open = True
        self.broken = False
        self.demoted = False

    def close(self) -> None:
        """The transaction is over. A statement sent later would run outside any transaction."""
        self._open = False

    async def fetch(self, sql: str, *values: Value) -> Sequence[Row]:
        """Run a statement; the rows that it returns."""
        self._require_open()
        _require_zones(values)
        with self._translated(), self.patience.spent() as seconds:
            rows: Sequence[Row] = await self._connection.fetch(sql, *values, timeout=seconds)
        return rows

    async def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each of `rows`, sent together, `BATCH` at a time."""
        self._require_open()
        values = list(rows)
        for row in values:
            _require_zones(row)
        for first in range(0, len(values), BATCH):
            batch = values[first : first + BATCH]
            with self._translated(), self.patience.spent() as seconds:
                await self._connection.executemany(sql, batch, timeout=seconds)

    async def run_columns(self, sql: str, *columns: Sequence[Value]) -> None:
        """Run a statement once whose parameters are arrays, each a column of what is written."""
        self._require_open()
        for column in columns:
            _require_zones(column)
        with self._translated(), self.patience.spent() as seconds:
            await self._connection.execute(sql, *columns, timeout=seconds)

    async def lock(self, name: str) -> None:
        """Be alone with `name` until the end of the transaction."""
        await self.fetch(LOCK, name)

    def instant(self, value: Any) -> datetime:
        """A timestamptz as aware UTC."""
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise StorageError("a time in the database is out of range")
        return value.astimezone(UTC)

    def _require_open(self) -> None:
        if not self._open:
            raise StorageError("the transaction is over")
        if self._single:
            self._open = False

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (*FAILURES, ValueError, OverflowError) as error:
            self.demoted = self.demoted or isinstance(error, asyncpg.ReadOnlySQLTransactionError)
            self.broken = self.broken or self.demoted or _is_silence(error)
            raise translate(error) from error


@contextmanager
def translated() -> Iterator[None]:
    """Nothing but errors of `agentbox.errors` leaves."""
    try:
        yield
    except FAILURES as error:
        raise translate(error) from error


def translate(error: BaseException) -> AgentboxError:
    """`Conflict` for a unique violation, else `StorageError`.

    Of what Postgres says, its detail is left out: that holds rows.
    """
    if isinstance(error, asyncpg.UniqueViolationError):
        key = _KEY.search(error.detail or "")
        return unique_violation(f"{error.table_name}.{_last_column(key[1])}" if key else "")
    if isinstance(error, asyncpg.PostgresError):
        text = f"Postgres: {error.args[0] if error.args else ''} ({error.sqlstate})"
        return StorageError(text, full=isinstance(error, asyncpg.DiskFullError))
    if isinstance(error, TimeoutError):
        return StorageError("Postgres did not answer in time")
    if isinstance(error, OSError):
        return StorageError(f"Postgres can't be reached: {error.strerror or type(error).__name__}")
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return StorageError("Postgres takes no writes: it is a standby, or read-only")
    if isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError)) and not isinstance(
        error, ValueError
    ):
        return StorageError(f"the connection to Postgres failed: {error}")
    return StorageError(f"Postgres can't take this: {type(error).__name__}")


def _is_silence(error: BaseException) -> bool:
    return isinstance(error, (OSError, TimeoutError)) and not isinstance(error, ValueError)


def _last_column(columns: str) -> str:
    return columns.rpartition(", ")[2].strip('"')


def _require_zones(values: Sequence[Value]) -> None:
    for value in values:
        if isinstance(value, datetime) and value.tzinfo is None:
            raise StorageError("a time without a time zone")
