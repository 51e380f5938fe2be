"""Migrations of a SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agentbox.errors import SchemaError
from agentbox.plugin.migrations import SELECT_APPLIED, Applied, MigrationFolder, MigrationTarget
from agentbox_sqlite.connection import require_version, translated
from agentbox_sqlite.files import FileLock, make_private, require_folder

PATIENCE = 10.0
"""Seconds that a migration waits for another one, or for a checkpoint."""


def own_folders() -> Sequence[MigrationFolder]:
    """The server's own tables."""
    path = Path(str(files("agentbox_migrations") / "sqlite"))
    return [MigrationFolder(plugin="sqlite", path=path)]


class SqliteTarget(MigrationTarget):
    """A SQLite file that can be migrated."""

    begin = "BEGIN IMMEDIATE"
    errors = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        # yoyo unquotes the path once, SQLite once more, since it is given a file: URI.
        self.url = "sqlite:///" + quote(str(self._path))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The lock of checkpoints: closing the connection at the end may be one."""
        require_version()
        require_folder(self._path)
        with FileLock(self._path).held(PATIENCE):
            make_private(self._path)
            yield

    def applied(self) -> Sequence[Applied]:
        """From a connection that can't write, so that asking never makes a database."""
        require_folder(self._path)
        if not self._path.exists():
            return ()
        uri = f"file:{quote(str(self._path))}?mode=ro"
        with translated(), closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
            there = connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'agentbox_migrations'"
            ).fetchall()
            rows = connection.execute(SELECT_APPLIED).fetchall() if there else ()
        return tuple(Applied(*row) for row in rows)

    def prepare(self, connection: Any) -> None:
        """Foreign keys are checked at the end instead, so that tables can be rebuilt."""
        for pragma in (
            "PRAGMA busy_timeout = 5000",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA wal_autocheckpoint = 0",
            "PRAGMA foreign_keys = OFF",
        ):
            connection.execute(pragma)

    def verify(self, connection: Any) -> None:
        """Raises `SchemaError` if a foreign key points nowhere."""
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SchemaError(f"The migration leaves rows of {broken[0][0]} that point nowhere.")
