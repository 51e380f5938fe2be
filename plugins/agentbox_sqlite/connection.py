"""Connections to SQLite: how they are opened, what they take and give, what they raise."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiosqlite

from agentbox.errors import AgentboxError, StorageError
from agentbox.model.times import EPOCH
from agentbox.plugin.sql import Row, Value, unique_violation

OLDEST = (3, 37, 0)
"""STRICT tables came with this version; RETURNING is older."""

STEP = 0.1
"""Seconds that one attempt to begin writing waits inside SQLite."""

WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
)
READER_PRAGMAS = (
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA query_only = ON",
    # Makes the reader take its shared lock on the file now; see storage.py on closing.
    "SELECT count(*) FROM sqlite_master",
)


def require_version() -> None:
    """Raises `StorageError` if the SQLite library is too old."""
    if sqlite3.sqlite_version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; {wanted} is needed.")


class RawReader(sqlite3.Connection):
    """Ends its transaction and begins another before the next statement, when told to.

    A hop to the connection's thread costs more than most reads, so these two take none of their
    own. The flag is set on the loop and taken in the thread; whichever statement takes it, the
    transaction begins after the flag was set.
    """

    renew = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As `sqlite3.Connection.execute`."""
        if self.renew:
            self.renew = False
            self.end()
            super().execute("BEGIN")
        return super().execute(sql, parameters)

    def end(self) -> None:
        """End the transaction, if there is one."""
        if self.in_transaction:
            super().execute("ROLLBACK")


async def open_writer(path: Path) -> aiosqlite.Connection:
    """A connection that may write; one a process."""
    raw = partial(sqlite3.connect, uri(path, "rw"), timeout=STEP, **_SETTINGS)
    return await _opened(raw, WRITER_PRAGMAS)


async def open_reader(path: Path) -> tuple[aiosqlite.Connection, RawReader]:
    """A connection that can neither write nor checkpoint, also not when it is closed."""
    raws: list[RawReader] = []

    def connect() -> RawReader:
        raws.append(sqlite3.connect(uri(path, "ro"), timeout=5.0, factory=RawReader, **_SETTINGS))
        return raws[0]

    connection = await _opened(connect, READER_PRAGMAS)
    return connection, raws[0]


_SETTINGS: dict[str, Any] = {
    "uri": True,
    "isolation_level": None,
    "cached_statements": 256,
}


def uri(path: Path, mode: str) -> str:
    """What `sqlite3.connect(…, uri=True)` takes; `mode` is `ro` or `rw`, neither makes a file."""
    return f"file:{quote(os.fsencode(path))}?mode={mode}"


async def _opened(
    connect: Callable[[], sqlite3.Connection], pragmas: Iterable[str]
) -> aiosqlite.Connection:
    with translated():
        connection = await aiosqlite.Connection(connect, iter_chunk_size=64)
        try:
            for pragma in pragmas:
                await connection.execute_fetchall(pragma)
        except BaseException:
            await connection.close()
            raise
    return connection


class SqliteConnection:
    """What the SQL kit runs on, for one transaction; after `close` it refuses every statement."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._open = True

    def close(self) -> None:
        """The transaction is over. A statement sent later would run outside any transaction."""
        self._open = False

    async def fetch(self, sql: str, *values: Value) -> Sequence[Row]:
        """Run a statement; the rows that it returns."""
        self._require_open()
        with translated():
            return list(await self._connection.execute_fetchall(sql, bound(values)))

    async def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each of `rows`, in one hop."""
        self._require_open()
        with translated():
            cursor = await self._connection.executemany(sql, [bound(row) for row in rows])
            await cursor.close()

    async def lock(self, name: str) -> None:
        """Nothing to do: BEGIN IMMEDIATE has made this the only writer."""

    def instant(self, value: Any) -> datetime:
        """Microseconds since 1970 as aware UTC."""
        try:
            return EPOCH + timedelta(microseconds=value)
        except (OverflowError, TypeError):
            raise StorageError("a time in the database is out of range") from None

    def _require_open(self) -> None:
        if not self._open:
            raise StorageError("the transaction is over")


def bound(values: Sequence[Value]) -> dict[str, Any]:
    """Values for the placeholders `$1`, `$2`, …, which sqlite3 wants by name."""
    return {str(number): _encoded(value) for number, value in enumerate(values, 1)}


_MICROSECOND = timedelta(microseconds=1)


def _encoded(value: Value) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise StorageError("a time without a time zone")
        return (value.astimezone(UTC) - EPOCH) // _MICROSECOND
    return value


@contextmanager
def translated() -> Iterator[None]:
    """Nothing but errors of `agentbox.errors` leaves."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error) from error
    except (ValueError, OverflowError, RuntimeError) as error:
        # A text with half a surrogate pair, a number beyond 64 bits, a connection that is closed.
        raise StorageError(f"SQLite can't take this: {error}") from error


def translate(error: sqlite3.Error) -> AgentboxError:
    """`Conflict` for a unique violation, else `StorageError`."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}:
        return unique_violation(str(error).rpartition(": ")[2])
    # The low byte is the primary code; extended ones say more above it.
    full = code is not None and code & 0xFF == sqlite3.SQLITE_FULL
    return StorageError(f"SQLite: {error}", full=full)


def is_busy(error: sqlite3.Error) -> bool:
    """True if another connection holds the lock that was wanted."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
