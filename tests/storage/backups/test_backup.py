"""Backups of a SQLite file: one moment, whole, for the owner alone, or not there."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentbox.errors import StorageError
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import a_password, a_user
from agentbox_sqlite.storage import SqliteStorage
from tests.scale import scaled
from tests.storage.damage import lose_index_rows
from tests.storage.database import open_sqlite
from tests.storage.processes import WriterProcess

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from agentbox_sqlite import backup
from agentbox_sqlite.storage import SqliteStorage

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(backup, sys.argv[3], die)
SqliteStorage(Path(sys.argv[1])).backup(Path(sys.argv[2]))
"""


def rows(database: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


async def test_a_backup_holds_what_was_committed_and_is_one_file(
    sqlite: SqliteStorage, tmp_path: Path
) -> None:
    # ST-11
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())
    sqlite.backup(tmp_path / "backup")
    async with sqlite.transaction() as tx:
        await tx.passwords.put(a_password())

    assert rows(tmp_path / "backup", "users") == 1
    assert rows(tmp_path / "backup", "passwords") == 0
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup"]
    assert await SqliteStorage(tmp_path / "backup").check_integrity() == ()


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777], ids=oct)
async def test_a_backup_is_the_owners_alone_whatever_the_umask(
    sqlite: SqliteStorage, tmp_path: Path, mask: int
) -> None:
    # ST-11
    with umask(mask):
        sqlite.backup(tmp_path / "backup")

    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


async def test_what_is_there_is_not_overwritten_unless_told(
    sqlite: SqliteStorage, tmp_path: Path
) -> None:
    (tmp_path / "backup").write_text("precious")

    with pytest.raises(StorageError, match="there already"):
        sqlite.backup(tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "precious"

    sqlite.backup(tmp_path / "backup", replace=True)
    assert rows(tmp_path / "backup", "users") == 0
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal", ".lock", ".key"])
async def test_the_databases_own_files_are_never_written_over(
    sqlite: SqliteStorage, ending: str
) -> None:
    with pytest.raises(StorageError, match="a file of the database itself"):
        sqlite.backup(Path(f"{sqlite.path}{ending}"), replace=True)


async def test_a_link_to_somewhere_is_replaced_and_not_followed(
    sqlite: SqliteStorage, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "backup").symlink_to(tmp_path / "elsewhere")

    sqlite.backup(tmp_path / "backup", replace=True)

    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert not (tmp_path / "backup").is_symlink()


async def test_there_is_no_backup_of_what_is_damaged(database: Path, tmp_path: Path) -> None:
    async with open_sqlite(database, brief=True) as storage, storage.transaction() as tx:
        await tx.users.add(a_user())
    lose_index_rows(database)

    with pytest.raises(StorageError, match=r"is damaged: .*users_newest"):
        SqliteStorage(database).backup(tmp_path / "backup")

    assert list(tmp_path.glob("backup*")) == []


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "There is no database"),
        (lambda path: path.write_bytes(b"not a database" * 100), "not a database"),
    ],
    ids=["nothing", "no database"],
)
def test_there_is_no_backup_of_what_is_no_database(
    database: Path, tmp_path: Path, make: object, told: str
) -> None:
    make(database)  # type: ignore[operator]

    with pytest.raises(StorageError, match=told):
        SqliteStorage(database).backup(tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []


async def test_a_folder_that_is_not_there_is_named(sqlite: SqliteStorage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no folder .*/missing"):
        sqlite.backup(tmp_path / "missing" / "backup")


def test_each_backup_of_a_database_that_is_written_is_one_moment_of_it(
    database: Path, tmp_path: Path
) -> None:
    # ST-11: the writing process checkpoints all the time as well
    writer = WriterProcess(database, "writer")
    try:
        for number in range(scaled(5)):
            writer.wait_for(20 * (number + 1))
            acknowledged = set(writer.acknowledged)
            backup = tmp_path / f"backup{number}"
            SqliteStorage(database).backup(backup)
            counts = {rows(backup, table) for table in ("users", "passwords", "sessions", "audit")}
            assert len(counts) == 1
            assert counts.pop() >= len(acknowledged)
            with closing(sqlite3.connect(backup)) as connection:
                stored = {row[0] for row in connection.execute("SELECT id FROM users")}
            assert acknowledged - stored == set()
    finally:
        writer.kill()


async def test_nobody_waits_for_a_backup_to_be_done(sqlite: SqliteStorage, tmp_path: Path) -> None:
    """It is a reader: a transaction begins and ends while it runs, in another thread."""
    reading, done = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            reading.set()
            done.wait(30)
            connection.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    reading.wait(30)
    sqlite.backup(tmp_path / "backup")  # beside a writer that holds the only lock to write
    done.set()
    holder.join()

    assert rows(tmp_path / "backup", "users") == 0


async def test_a_backup_for_which_there_is_no_room_is_not_there(
    sqlite: SqliteStorage, tmp_path: Path
) -> None:
    """A limit of files' sizes stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(StorageError, match="can't be copied"):
            sqlite.backup(tmp_path / "backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.glob("backup*")) == []


@pytest.mark.parametrize("step", ["_copy", "_sync", "_require_whole", "_put"])
def test_a_kill_in_the_middle_leaves_no_half_backup(
    database: Path, tmp_path: Path, step: str
) -> None:
    # ST-11
    writer = WriterProcess(database, "writer")
    writer.wait_for(5)
    writer.kill()
    command = [sys.executable, "-c", KILLED, str(database), str(tmp_path / "backup"), step]

    killed = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "backup").exists()
    SqliteStorage(database).backup(tmp_path / "backup")
    assert rows(tmp_path / "backup", "users") >= 5


async def test_a_storage_without_backups_says_what_to_use_instead(
    sqlite: SqliteStorage, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="tools of its own"):
        Storage.backup(sqlite, tmp_path / "backup")
    with pytest.raises(StorageError, match="tools of its own"):
        Storage.restore(sqlite, tmp_path / "backup", (), at=NOW, accept=lambda marker: None)
