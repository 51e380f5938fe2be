"""A SQLite database in a file of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentbox.testing import StorageFactory
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage


def sqlite_factory(path: Path) -> StorageFactory:
    """What the suite needs, for the database at `path`."""
    return StorageFactory(
        make=lambda: SqliteStorage(path),
        unreachable=lambda: SqliteStorage(path.parent / "missing" / path.name),
        folders=own_folders(),
    )


@asynccontextmanager
async def open_sqlite(path: Path, *, brief: bool = False) -> AsyncIterator[SqliteStorage]:
    """The database at `path`, with its schema, open."""
    storage = SqliteStorage(path)
    storage.migrate(own_folders())
    async with storage.open(brief=brief):
        yield storage


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "agentbox.db"


@pytest.fixture
async def sqlite(database: Path) -> AsyncIterator[SqliteStorage]:
    """An open, empty database."""
    async with open_sqlite(database) as storage:
        yield storage
