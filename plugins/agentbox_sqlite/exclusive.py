"""To be alone with a database: nobody has it open, and nobody opens it meanwhile."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agentbox.errors import StorageError
from agentbox_sqlite.connection import is_busy, uri

LOCK_BYTES = 0x40000000, 512
"""Where SQLite's locks on a file are, and how many bytes (sqlite.org/fileformat2.html, 1.4)."""


@contextmanager
def alone(database: Path) -> Iterator[bool]:
    """Raises `StorageError` if anybody has the database open.

    Every connection in WAL mode holds a shared lock on the file until it is closed, so asking for
    all of it tells. True if all that was committed is in the file now, and none of it in a WAL or
    a journal; False for a database that is too damaged for that.
    """
    if not database.exists():
        yield False
        return
    try:
        _require_readable(database)
        connection = _exclusive(database)
    except sqlite3.Error as error:
        if is_busy(error):
            raise in_use(database) from None
        # Too damaged for SQLite, which is when a backup is wanted most.
        with _locked(database):
            yield False
    else:
        with closing(connection):
            yield True


def _require_readable(database: Path) -> None:
    """Raises as SQLite does, before a connection that may write makes of the WAL what it can."""
    with closing(sqlite3.connect(uri(database, "ro"), uri=True, timeout=1.0)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()


def _exclusive(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(uri(database, "rw"), uri=True, isolation_level=None, timeout=1.0)
    try:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA synchronous = FULL")
        # With the second, this waits for the whole file, and writes the WAL back; with the first,
        # what was got is kept.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """The same lock, without asking SQLite. This process has no connection to the file."""
    start, length = LOCK_BYTES
    descriptor = os.open(database, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except OSError:
        os.close(descriptor)
        raise in_use(database) from None
    try:
        yield
    finally:
        os.close(descriptor)


def in_use(database: Path) -> StorageError:
    """The error for a database that somebody has open."""
    return StorageError(f"{database} is in use; stop the server and whatever else has it open.")
