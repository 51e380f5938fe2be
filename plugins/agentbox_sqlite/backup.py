"""Backups of a SQLite file beside whoever works on it, and putting one back when nobody does.

A backup is one file: what is in the WAL is in it, and it wants no WAL of its own until somebody
opens it to write.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from agentbox.errors import StorageError
from agentbox.plugin.migrations import (
    MigrationFolder,
    read_folders,
    require_known,
    schema_status,
)
from agentbox_sqlite.connection import require_version, translated, uri
from agentbox_sqlite.exclusive import alone
from agentbox_sqlite.faults import faults
from agentbox_sqlite.files import FileLock, make_private, require_folder
from agentbox_sqlite.schema import PATIENCE, SqliteTarget

BESIDE = ("", "-wal", "-shm", "-journal", ".lock", ".key")
"""What ends the names of a database's own files; no backup may be written over one of them."""

JOURNALS = ("-wal", "-journal")
"""What ends the names of files that may hold a part of what is committed."""

SELECT_MARKER = "SELECT value FROM markers WHERE name = 'root_secret'"


def write_backup(database: Path, destination: Path, *, replace: bool) -> None:
    """What `Storage.backup` promises."""
    require_version()
    require_folder(database)
    if not database.exists():
        raise StorageError(f"There is no database {database}.")
    destination = destination.absolute()
    if destination in {database.with_name(database.name + ending) for ending in BESIDE}:
        raise StorageError(f"{destination} is a file of the database itself.")
    if os.path.lexists(destination) and not replace:
        raise _there(destination)
    with _draft(destination) as draft:
        _copy(database, draft)
        _require_whole(draft, database)
        _put(draft, destination, replace=replace)


def restore_backup(
    database: Path,
    source: Path,
    folders: Sequence[MigrationFolder],
    *,
    at: datetime,
    accept: Callable[[str | None], None],
) -> Path | None:
    """What `Storage.restore` promises."""
    require_version()
    require_folder(database)
    source = source.absolute()
    if not source.is_file():
        raise StorageError(f"There is no backup {source}.")
    # Commands and migrations hold this lock as long as they work; servers are looked for below.
    with FileLock(database).held(PATIENCE), _draft(database) as draft:
        _copy(source, draft)
        _require_whole(draft, source)
        _require_ours(draft, source, folders)
        accept(_marker(draft))
        with alone(database) as settled:
            kept = _set_aside(database, at, JOURNALS if not settled else ())
            os.replace(draft, database)
            _sync(database.parent)
    return kept


@contextmanager
def _draft(destination: Path) -> Iterator[Path]:
    """A new file beside `destination`, gone at the end unless it has been put elsewhere."""
    draft = destination.with_name(f"{destination.name}.{secrets.token_hex(8)}.new")
    if not destination.parent.is_dir():
        raise StorageError(f"There is no folder {destination.parent}.")
    make_private(draft)
    try:
        yield draft
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise StorageError(
            f"{destination} can't be written: {error.strerror}.", full=full
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    """One moment of `source`, on the disk. A reader never waits for a writer, nor it for us."""
    try:
        with (
            translated(),
            closing(sqlite3.connect(uri(source, "ro"), uri=True, timeout=PATIENCE)) as there,
            closing(sqlite3.connect(uri(draft, "rw"), uri=True)) as here,
        ):
            there.execute("PRAGMA wal_autocheckpoint = 0")
            # A draft that is not finished is thrown away, so it needs no journal.
            here.execute("PRAGMA journal_mode = OFF")
            here.execute("PRAGMA synchronous = OFF")
            there.backup(here)
            # The first page says that there is a WAL, as the source has; that is what this ends.
            here.execute("PRAGMA journal_mode = DELETE")
    except StorageError as error:
        raise StorageError(f"{source} can't be copied: {error}", full=error.full) from error
    _sync(draft)


def _require_whole(draft: Path, source: Path) -> None:
    if found := faults(draft):
        raise StorageError(f"{source} is damaged: {found[0]}")


def _require_ours(draft: Path, source: Path, folders: Sequence[MigrationFolder]) -> None:
    applied = SqliteTarget(draft).applied()
    if not applied:
        raise StorageError(f"{source} is no database of agentbox.")
    require_known(schema_status(read_folders(folders), applied))


def _marker(draft: Path) -> str | None:
    with translated(), closing(sqlite3.connect(uri(draft, "ro"), uri=True)) as connection:
        rows = connection.execute(SELECT_MARKER).fetchall()
    return str(rows[0][0]) if rows else None


def _put(draft: Path, destination: Path, *, replace: bool) -> None:
    if replace:
        os.replace(draft, destination)
    else:
        try:
            # A rename would replace a file that came there meanwhile; a link does not.
            os.link(draft, destination)
        except FileExistsError:
            raise _there(destination) from None
        except OSError:  # a file system without links
            if os.path.lexists(destination):
                raise _there(destination) from None
            os.replace(draft, destination)
    _sync(destination.parent)


def _set_aside(database: Path, at: datetime, journals: Sequence[str]) -> Path | None:
    """Give the database another name, and what it needs of `JOURNALS`; `database` itself stays.

    It is to be replaced in one step, so that at no moment there is none: a server that starts
    without a database makes one.
    """
    kept = database.with_name(f"{database.name}.replaced-{at:%Y%m%dT%H%M%SZ}")
    while os.path.lexists(kept):
        kept = kept.with_name(kept.name + "+")
    for ending in (*journals, ""):
        with contextlib.suppress(FileNotFoundError):
            os.link(database.with_name(database.name + ending), kept.with_name(kept.name + ending))
    _sync(database.parent)
    # Pages of the replaced database that would be read into the new one.
    for ending in (*JOURNALS, "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    return kept if kept.exists() else None


def _there(destination: Path) -> StorageError:
    return StorageError(f"{destination} is there already.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
