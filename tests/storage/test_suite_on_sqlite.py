"""The conformance suite on the bundled backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentbox.testing import StorageFactory, StorageSuite
from tests.storage.database import sqlite_factory
from tests.storage.recording import Recording, sent
from tests.storage.statements import every_statement, shape


# PL-07: one public suite for every backend.
class TestSqlite(StorageSuite):
    """SQLite keeps the contract, with no statement but those that are also tried on Postgres."""

    @pytest.fixture
    def factory(self, database: Path) -> Iterator[StorageFactory]:
        sent.clear()
        yield sqlite_factory(database, Recording)
        tried = every_statement()
        shapes = {shape(statement) for statement in tried}
        assert [each for each in set(sent) - tried if shape(each) not in shapes] == []
