"""A database of the private Postgres of this process, for each folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.databases.database import Database, Reader, Rows
from tests.postgres import Postgres

SECRET_KEY = b64encode(hashlib.sha256(b"tests on Postgres").digest()).decode()
"""On Postgres there is no file that it could be made in."""


class Cluster:
    """The private Postgres of this process, and which databases it has."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.folders: dict[Path, str] = {}
        self._admin = psycopg.connect(server.dsn(), autocommit=True)
        self._migrated = ""

    def close(self) -> None:
        self._admin.close()

    @property
    def migrated(self) -> str:
        """A database with all tables and no row, to make others of."""
        if not self._migrated:
            name = self.server.create()
            PostgresStorage(self.server.dsn(name)).migrate(own_folders())
            self._migrated = name
        return self._migrated

    def make(self, folder: Path, template: str) -> None:
        name = _name_of(folder)
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self.folders[folder] = name

    def drop_below(self, folder: Path) -> None:
        """Remove the databases of a folder and of those in it, whoever is connected."""
        for known in [each for each in self.folders if each.is_relative_to(folder)]:
            self._admin.execute(f"DROP DATABASE {self.folders.pop(known)} WITH (FORCE)")


def _name_of(folder: Path) -> str:
    return f"folder_{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:32]}"


class PostgresDatabase(Database):
    """A database of the private server, named after the folder."""

    name = "postgres"
    words: ClassVar = {
        "zeros": f"decode('{'00' * 36}', 'hex')",
        "instant": "interval '1 microsecond'",
        "beyond": "'infinity'",
    }
    cluster: ClassVar[Cluster | None] = None

    @property
    def _there(self) -> Cluster:
        assert self.cluster is not None, "the fixture `private_postgres` was not asked for"
        return self.cluster

    @property
    def address(self) -> str:
        """The DSN, for asyncpg and psycopg."""
        return self._there.server.dsn(_name_of(self.folder))

    @property
    def environ(self) -> dict[str, str]:
        return {"AGENTBOX_DB_DSN": self.address, "AGENTBOX_SECRET_KEY": SECRET_KEY}

    @property
    def initial_password(self) -> Path:
        return self.folder / "agentbox.initial-password"

    def make(self) -> None:
        self.claim(migrated=True)

    def claim(self, *, migrated: bool = False) -> None:
        if self.folder not in self._there.folders:
            self._there.make(self.folder, self._there.migrated if migrated else "template0")

    def copy_to(self, folder: Path) -> None:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        self._there.drop_below(folder)
        self._there.make(folder, _name_of(self.folder))

    def storage(self) -> PostgresStorage:
        return PostgresStorage(self.address)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with closing(psycopg.connect(self.address, autocommit=True)) as connection:
            yield PostgresReader(connection)

    def run(self, statement: str, *values: Any) -> Rows:
        with closing(psycopg.connect(self.address, autocommit=True)) as connection:
            text = statement.replace("%", "%%").replace("?", "%s") if values else statement
            cursor = connection.execute(text, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def refuse_inserts(self, table: str) -> None:
        self.run(
            f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql"
            f" AS 'BEGIN RAISE EXCEPTION ''not now''; END';"
            f" CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_{table}()"
        )

    def take_inserts(self, table: str) -> None:
        self.run(f"DROP FUNCTION refuse_{table} CASCADE")

    def content(self) -> bytes:
        # All that is still in memory has to be in the files.
        self.run("CHECKPOINT")
        ((number,),) = self.run("SELECT oid FROM pg_database WHERE datname = current_database()")
        files = (self._there.server.data / "base" / str(number)).iterdir()
        return b"".join(path.read_bytes() for path in files)


class PostgresReader(Reader):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, sql: str) -> Rows:
        return self._connection.execute(sql).fetchall()  # type: ignore[arg-type]

    def tables(self) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            )
        ]

    def columns(self, table: str) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
                f" AND table_name = '{table}' ORDER BY ordinal_position"
            )
        ]

    def whole(self, tables: Mapping[str, Sequence[str]]) -> str:
        # One statement, since a round trip for each table is what takes the time.
        texts = [
            f"(SELECT string_agg(t::text, chr(10) ORDER BY t::text)"
            f" FROM (SELECT {', '.join(names)} FROM {table}) t)"
            for table, names in tables.items()
        ]
        return repr(self.rows(f"SELECT {', '.join(texts)}"))
