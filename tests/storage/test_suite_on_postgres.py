"""The conformance suite on the bundled Postgres backend."""

from __future__ import annotations

import pytest

from agentbox.testing import StorageFactory, StorageSuite
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage


class TestPostgres(StorageSuite):
    """Postgres keeps the contract."""

    @pytest.fixture
    def factory(self, fresh_dsn: str) -> StorageFactory:
        return StorageFactory(
            make=lambda: PostgresStorage(fresh_dsn),
            unreachable=lambda: PostgresStorage("postgresql:///agentbox?host=/missing"),
            folders=own_folders(),
        )
