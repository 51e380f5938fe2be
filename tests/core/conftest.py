"""A real database for each test, and the core's parts over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbox.plugin import Storage
from tests.backend import Database, database_in
from tests.core.world import World


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one that has its tables."""
    folder = tmp_path_factory.mktemp("template")
    database_in(folder).make()
    return folder


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Database:
    """A migrated database, not open."""
    database_in(empty_database).copy_to(tmp_path)
    return database_in(tmp_path)


@pytest.fixture
async def storage(database: Database) -> AsyncIterator[Storage]:
    opened = database.storage()
    async with opened.open():
        yield opened


@pytest.fixture
def world(storage: Storage) -> World:
    return World(storage)
