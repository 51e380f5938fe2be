"""A real SQLite database for each test, and the core's parts over it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.core.world import World


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "agentbox.db"
    SqliteStorage(path).migrate(own_folders())
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """A migrated database, not open."""
    path = tmp_path / "agentbox.db"
    shutil.copy(empty_database, path)
    return path


@pytest.fixture
async def storage(database: Path) -> AsyncIterator[SqliteStorage]:
    opened = SqliteStorage(database)
    async with opened.open():
        yield opened


@pytest.fixture
def world(storage: SqliteStorage) -> World:
    return World(storage)
