"""The conformance suite on the bundled backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentbox.testing import StorageFactory, StorageSuite
from tests.storage.database import sqlite_factory


class TestSqlite(StorageSuite):
    """SQLite keeps the contract."""

    @pytest.fixture
    def factory(self, database: Path) -> StorageFactory:
        return sqlite_factory(database)
