"""A database of SQLite: a file in the folder."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.databases.database import Database, Reader, Rows


class SqliteDatabase(Database):
    """`agentbox.db` in the folder."""

    name = "sqlite"
    words: ClassVar = {
        "zeros": "zeroblob(36)",
        "instant": "1",
        "beyond": "9223372036854775807",
    }

    @property
    def path(self) -> Path:
        return self.folder / "agentbox.db"

    @property
    def address(self) -> str:
        return str(self.path)

    @property
    def environ(self) -> dict[str, str]:
        return {"AGENTBOX_DB_PATH": str(self.path)}

    @property
    def from_its_folder(self) -> dict[str, str]:
        return {}

    @property
    def initial_password(self) -> Path:
        return self.folder / "agentbox.db.initial-password"

    def make(self) -> None:
        if not self.path.exists():
            SqliteStorage(self.path).migrate(own_folders())

    def claim(self, *, migrated: bool = False) -> None:
        pass

    def copy_to(self, folder: Path) -> None:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def storage(self) -> SqliteStorage:
        return SqliteStorage(self.path)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            yield SqliteReader(connection)

    def run(self, statement: str, *values: Any) -> Rows:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(statement, values).fetchall()

    def refuse_inserts(self, table: str) -> None:
        self.run(
            f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table}"
            " BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )

    def take_inserts(self, table: str) -> None:
        self.run(f"DROP TRIGGER refuse_{table}")

    def content(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.glob(f"{self.path.name}*"))


class SqliteReader(Reader):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str) -> Rows:
        return self._connection.execute(sql).fetchall()

    def tables(self) -> list[str]:
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [name for (name,) in names if not name.startswith("sqlite_")]

    def columns(self, table: str) -> list[str]:
        return [name for _, name, *_ in self.rows(f"PRAGMA table_info({table})")]

    def whole(self, tables: Mapping[str, Sequence[str]]) -> str:
        statements = (f"SELECT {', '.join(names)} FROM {at}" for at, names in tables.items())
        return repr([self.rows(sql) for sql in statements])
