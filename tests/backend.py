"""The database of a test: that of a folder, in a file of SQLite or on a private Postgres.

`AGENTBOX_TEST_BACKEND` says which of them the tests run on, `sqlite` unless it is `postgres`. Tests
ask `database_in(folder)`, and get the same database each time the folder is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agentbox.plugin import Storage
from agentbox_postgres.storage import PostgresStorage
from agentbox_sqlite.storage import SqliteStorage
from tests.databases.database import Database, Reader
from tests.databases.postgres import Cluster, PostgresDatabase
from tests.databases.sqlite import SqliteDatabase
from tests.postgres import Postgres

__all__ = [
    "CHOSEN",
    "ON_POSTGRES",
    "Database",
    "Reader",
    "database_in",
    "database_of",
    "storage_at",
]

CHOSEN = os.environ.get("AGENTBOX_TEST_BACKEND", "sqlite")
assert CHOSEN in {"sqlite", "postgres"}, f"AGENTBOX_TEST_BACKEND={CHOSEN}: sqlite or postgres"
ON_POSTGRES = CHOSEN == "postgres"

DATABASES: Mapping[str, type[Database]] = {
    kind.name: kind for kind in (SqliteDatabase, PostgresDatabase)
}


def database_in(folder: Path, backend: str = CHOSEN) -> Database:
    """The database of a folder."""
    return DATABASES[backend](folder)


def storage_at(address: str) -> Storage:
    """The storage that an address of a database leads to, not open."""
    if address.startswith("postgresql://"):
        return PostgresStorage(address)
    return SqliteStorage(Path(address))


def database_of(storage: Storage) -> Database:
    """The database that an open storage of a test leads to."""
    if isinstance(storage, SqliteStorage):
        return SqliteDatabase(storage.path.parent)
    assert isinstance(storage, PostgresStorage)
    assert PostgresDatabase.cluster is not None
    (folder,) = [
        folder
        for folder, name in PostgresDatabase.cluster.folders.items()
        if storage._dsn == PostgresDatabase.cluster.server.dsn(name)
    ]
    return PostgresDatabase(folder)


@pytest.fixture(scope="session")
def private_postgres(postgres: Postgres) -> Iterator[Cluster]:
    """Databases on Postgres can be had; the server starts for the first test that asks."""
    PostgresDatabase.cluster = cluster = Cluster(postgres)
    yield cluster
    PostgresDatabase.cluster = None
    cluster.close()


@pytest.fixture(scope="session", autouse=True)
def _chosen_backend(request: pytest.FixtureRequest) -> None:
    """Before any fixture that fills a database."""
    if ON_POSTGRES:
        request.getfixturevalue("private_postgres")


@pytest.fixture(autouse=True)
def _databases_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Gone at the end of the test, those in folders of a longer life excepted."""
    yield
    folder = (getattr(request.node, "funcargs", None) or {}).get("tmp_path")
    if folder is not None and PostgresDatabase.cluster is not None:
        PostgresDatabase.cluster.drop_below(folder)
