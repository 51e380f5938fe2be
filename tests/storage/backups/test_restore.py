"""Putting a backup back: only when nobody is there, and nothing is lost by it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentbox.errors import SchemaError, StartError, StorageError
from agentbox.testing.samples import a_user
from agentbox_sqlite import storage as module
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.damage import lose_index_rows
from tests.storage.database import open_sqlite
from tests.storage.processes import HOLD_FILE_LOCK, holding

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEPT = "agentbox.db.replaced-20260131T120000Z"

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from agentbox_sqlite import backup
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name = sys.argv[3].split(".")
setattr({"backup": backup, "os": os}[owner], name, die)
SqliteStorage(Path(sys.argv[1])).restore(
    Path(sys.argv[2]), own_folders(), at=datetime.now(UTC), accept=lambda marker: None
)
"""

CONNECTED = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT count(*) FROM users").fetchall()
print("held", flush=True)
sys.stdin.readline()
"""


def restore(database: Path, source: Path) -> Path | None:
    return SqliteStorage(database).restore(
        source, own_folders(), at=NOW, accept=lambda marker: None
    )


def users(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM users")}


async def add(database: Path, *names: str) -> None:
    """As a command does, so that the WAL is written back."""
    async with open_sqlite(database, brief=True) as storage, storage.transaction() as tx:
        for name in names:
            await tx.users.add(a_user(name))


@pytest.fixture
async def backup(database: Path, tmp_path: Path) -> Path:
    """Of the time when there was `old` alone; the database has `new` too."""
    await add(database, "old")
    SqliteStorage(database).backup(tmp_path / "backup")
    await add(database, "new")
    return tmp_path / "backup"


def test_the_database_is_what_it_was(database: Path, backup: Path) -> None:
    # ST-11
    kept = restore(database, backup)

    assert users(database) == {"old"}
    assert database.stat().st_mode & 0o777 == 0o600
    assert kept == database.with_name(KEPT)
    assert users(kept) == {"old", "new"}


async def test_what_stood_in_the_wal_alone_is_kept_with_the_replaced_one(
    database: Path, backup: Path
) -> None:
    """And never read into the restored one: a WAL does not say which file it belongs to."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE users SET username = 'late' WHERE id = 'new'")
        connection.commit()
        left = database.with_name("left.db")
        shutil.copy(database, left)
        shutil.copy(f"{database}-wal", f"{left}-wal")  # as a kill leaves it
    assert Path(f"{left}-wal").stat().st_size > 0

    kept = restore(left, backup)

    assert kept is not None
    assert [path.name for path in left.parent.glob("left.db-*")] == []
    assert users(left) == {"old"}
    with closing(sqlite3.connect(kept)) as connection:
        names = [row[0] for row in connection.execute("SELECT username FROM users")]
    assert "late" in names


async def test_a_restored_database_opens_and_is_written(database: Path, backup: Path) -> None:
    restore(database, backup)
    await add(database, "newer")

    assert users(database) == {"old", "newer"}


def test_a_backup_is_restored_where_there_was_nothing(tmp_path: Path, backup: Path) -> None:
    (tmp_path / "elsewhere").mkdir()

    assert restore(tmp_path / "elsewhere" / "agentbox.db", backup) is None
    assert users(tmp_path / "elsewhere" / "agentbox.db") == {"old"}


def test_two_restores_in_one_second_keep_both(database: Path, backup: Path) -> None:
    first, second = restore(database, backup), restore(database, backup)

    assert first is not None
    assert second is not None
    assert (users(first), users(second)) == ({"old", "new"}, {"old"})


def test_a_database_that_is_no_database_any_more_is_replaced_and_kept(
    database: Path, backup: Path
) -> None:
    """When a backup is wanted most."""
    database.write_bytes(b"rubbish" * 1000)
    Path(f"{database}-wal").write_bytes(b"left")

    kept = restore(database, backup)

    assert users(database) == {"old"}
    assert kept is not None
    assert kept.read_bytes() == b"rubbish" * 1000
    assert Path(f"{kept}-wal").read_bytes() == b"left"
    assert not Path(f"{database}-wal").exists()


async def test_an_open_server_is_not_pulled_the_file_away(database: Path, backup: Path) -> None:
    # ST-11
    async with SqliteStorage(database).open():
        with pytest.raises(StorageError, match="is in use"):
            restore(database, backup)
    assert users(database) == {"old", "new"}


@pytest.mark.parametrize("damaged", [False, True])
def test_whoever_has_it_open_in_another_process_is_noticed(
    database: Path, backup: Path, damaged: bool
) -> None:
    # ST-11
    with holding(CONNECTED, database):
        if damaged:
            with database.open("r+b") as file:
                file.write(b"rubbish" * 20)
        with pytest.raises(StorageError, match="is in use"):
            restore(database, backup)
    assert list(database.parent.glob("*replaced*")) == []


def test_a_command_that_works_is_waited_for_and_then_noticed(
    database: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentbox_sqlite.backup.PATIENCE", 0.1)
    with holding(HOLD_FILE_LOCK, database):
        with pytest.raises(StorageError, match="Another process holds"):
            restore(database, backup)
    assert users(database) == {"old", "new"}


async def test_a_server_that_was_opening_the_replaced_file_does_not_go_on_with_it(
    database: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its WAL would be that of the restored file."""
    opened = module.Writer.open

    async def replaced_first(*values: object) -> object:
        writer = await opened(*values)  # type: ignore[arg-type]
        os.replace(backup, database)
        return writer

    monkeypatch.setattr(module.Writer, "open", replaced_first)
    with pytest.raises(StorageError, match="was replaced meanwhile"):
        async with SqliteStorage(database).open():
            pass
    monkeypatch.undo()
    assert users(database) == {"old"}


async def test_a_damaged_backup_is_refused(database: Path, backup: Path) -> None:
    # ST-11
    shutil.copy(backup, backup.with_name("damaged"))
    lose_index_rows(backup.with_name("damaged"))

    with pytest.raises(StorageError, match=r"damaged is damaged: .*users_newest"):
        restore(database, backup.with_name("damaged"))
    assert users(database) == {"old", "new"}


def test_what_is_cut_short_is_refused(database: Path, backup: Path) -> None:
    os.truncate(backup, backup.stat().st_size - 8192)

    with pytest.raises(StorageError, match=r"malformed|damaged"):
        restore(database, backup)
    assert users(database) == {"old", "new"}


def test_a_database_of_something_else_is_refused(database: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup.with_name("other"))) as connection:
        connection.execute("CREATE TABLE notes (text)")

    with pytest.raises(StorageError, match="other is no database of agentbox"):
        restore(database, backup.with_name("other"))


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_what_is_no_file_is_refused(database: Path, backup: Path, name: str) -> None:
    backup.with_name("folder").mkdir()

    with pytest.raises(StorageError, match="There is no backup"):
        restore(database, backup.with_name(name))


def test_a_backup_that_is_ahead_of_this_program_is_refused(database: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute(
            "INSERT INTO agentbox_migrations VALUES"
            " ('agentbox-sqlite-9999-later', 'sqlite', '', 9999, '')"
        )

    with pytest.raises(SchemaError, match="ahead of this program"):
        restore(database, backup)
    assert users(database) == {"old", "new"}


def test_what_is_not_accepted_is_refused_before_anything_is_replaced(
    database: Path, backup: Path
) -> None:
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute("INSERT INTO markers VALUES ('root_secret', 'sealed')")
    heard: list[str | None] = []

    def refuse(marker: str | None) -> None:
        heard.append(marker)
        raise StartError("another key")

    with pytest.raises(StartError, match="another key"):
        SqliteStorage(database).restore(backup, own_folders(), at=NOW, accept=refuse)
    assert heard == ["sealed"]
    assert users(database) == {"old", "new"}
    assert list(database.parent.glob("*.new")) == []


@pytest.mark.parametrize(
    "step", ["backup._require_whole", "backup._set_aside", "os.link", "os.replace", "backup._sync"]
)
async def test_a_kill_in_the_middle_leaves_the_old_one_or_the_new_one(
    database: Path, backup: Path, step: str
) -> None:
    # ST-11
    command = [sys.executable, "-c", KILLED, str(database), str(backup), step]

    killed = subprocess.run(command, cwd=Path(__file__).parents[3], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert await SqliteStorage(database).check_integrity() == ()
    assert users(database) == {"old", "new"}
    restore(database, backup)
    assert users(database) == {"old"}
