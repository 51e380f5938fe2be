"""SQLite databases for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentbox.testing import StorageFactory
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage


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
