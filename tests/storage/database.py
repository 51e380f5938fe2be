"""SQLite databases for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import tests.schema_texts  # noqa: F401  for what it does
from agentbox.testing import StorageFactory
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import READERS, SqliteStorage


def sqlite_factory(path: Path, kind: type[SqliteStorage] = SqliteStorage) -> StorageFactory:
    """What the suite needs, for the database at `path`."""
    return StorageFactory(
        make=lambda: kind(path),
        unreachable=lambda: kind(path.parent / "missing" / path.name),
        folders=own_folders(),
    )


@asynccontextmanager
async def open_sqlite(path: Path, *, brief: bool = False) -> AsyncIterator[SqliteStorage]:
    """The database at `path`, with its schema, open."""
    storage = SqliteStorage(path)
    storage.migrate(own_folders())
    async with storage.open(brief=brief):
        yield storage


@asynccontextmanager
async def full(storage: SqliteStorage) -> AsyncIterator[None]:
    """No page more, as far as SQLite is concerned; it is the same error as for a full disk."""
    assert storage._writer is not None
    connection = storage._writer._connection
    await connection.execute_fetchall("PRAGMA max_page_count = 1")
    yield
    await connection.execute_fetchall("PRAGMA max_page_count = 1073741823")


def nobody_holds(database: Path) -> bool:
    """True if another connection could write at once."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    return True


def waiting(storage: SqliteStorage) -> int:
    """How many transactions wait for the writer."""
    assert storage._writer is not None
    return len(storage._writer._turn._waiters or ())


def at_rest(storage: SqliteStorage) -> bool:
    """True if no transaction writes or waits, and every reader is back in the pool."""
    writer, readers = storage._writer, storage._readers
    assert writer is not None
    assert readers is not None
    return (
        not writer._turn.locked()
        and not writer._connection.in_transaction
        and len(readers._idle) == len(readers._all) == readers._turns._value == READERS
    )
