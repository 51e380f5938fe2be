"""A SQLite database in a file of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbox_sqlite.storage import SqliteStorage
from tests.storage.database import open_sqlite


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "agentbox.db"


@pytest.fixture
async def sqlite(database: Path) -> AsyncIterator[SqliteStorage]:
    """An open, empty database."""
    async with open_sqlite(database) as storage:
        yield storage
