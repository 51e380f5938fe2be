"""Databases that are broken on purpose."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def point_nowhere(database: Path) -> None:
    """A password of nobody, written without foreign keys."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO passwords VALUES ('nobody', 'hash', 0)")


def lose_index_rows(database: Path) -> None:
    """An index that has lost its rows: its root page is written over with an empty one."""
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'users_newest'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        # The head of a leaf of an index: no free block, no cell, content from the page's end.
        file.write(bytes([10, 0, 0, 0, 0]) + size.to_bytes(2, "big") + b"\0")
