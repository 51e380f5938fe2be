"""What tests of the authenticators share: a real SQLite database each."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "agentbox.db"
    SqliteStorage(path).migrate(own_folders())
    return path


@pytest.fixture
async def storage(empty_database: Path, tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    path = tmp_path / "agentbox.db"
    shutil.copy(empty_database, path)
    opened = SqliteStorage(path)
    async with opened.open():
        yield opened
