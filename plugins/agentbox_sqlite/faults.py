"""What is damaged in a SQLite database."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from agentbox_sqlite.connection import translated


def faults(path: Path) -> Sequence[str]:
    """A sentence for each; none for a database that is whole, or not there.

    Reads the whole file, on a connection that can't write, beside whoever works on it. Raises
    `StorageError` if it is too damaged to be read at all.
    """
    if not path.exists():
        return ()
    uri = f"file:{quote(str(path))}?mode=ro"
    with translated(), closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
        return (*_damage(connection), *_dangling(connection))


def _damage(connection: sqlite3.Connection) -> Sequence[str]:
    """What integrity_check says, a hundred lines at most."""
    lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return () if lines == ["ok"] else lines


def _dangling(connection: sqlite3.Connection) -> Sequence[str]:
    """References to rows that are not there, which integrity_check does not look for."""
    found = Counter((row[0], row[2]) for row in connection.execute("PRAGMA foreign_key_check"))
    return [
        f"Rows of {table} that refer to no row of {parent}: {number}"
        for (table, parent), number in found.items()
    ]
