"""The files of a database: where, and for whom."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.errors import StorageError
from agentbox.testing.samples import a_user
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.database import open_sqlite

PRIVATE = 0o600


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("umask")
async def test_every_file_is_the_owner_s_alone_whatever_the_umask(database: Path) -> None:
    # ST-11, file modes of db, -wal, -shm
    async with open_sqlite(database) as storage:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())

        assert modes(database.parent) == {
            "agentbox.db": PRIVATE,
            "agentbox.db-wal": PRIVATE,
            "agentbox.db-shm": PRIVATE,
            "agentbox.db.lock": PRIVATE,
        }


async def test_a_database_that_others_could_read_is_made_private(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())
    database.chmod(0o644)

    async with open_sqlite(database):
        assert modes(database.parent)["agentbox.db"] == PRIVATE


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing of the database x\.db does not exist"):
        SqliteStorage(tmp_path / "missing" / "x.db").migrate(own_folders())


def test_a_database_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        SqliteStorage(tmp_path).migrate(own_folders())


async def test_a_database_that_is_missing_is_not_made_by_opening(database: Path) -> None:
    with pytest.raises(StorageError, match="agentbox migrate up"):
        async with SqliteStorage(database).open():
            pass
    assert list(database.parent.iterdir()) == []


def test_asking_for_the_schema_makes_no_database(database: Path) -> None:
    assert SqliteStorage(database).schema_status(own_folders()).pending
    assert list(database.parent.iterdir()) == []


async def test_a_file_that_is_no_database_is_refused(database: Path) -> None:
    database.write_text("This is a letter to my mother, and no database at all." * 100)

    with pytest.raises(StorageError):
        SqliteStorage(database).schema_status(own_folders())
    with pytest.raises(StorageError):
        async with SqliteStorage(database).open():
            pass


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "what?.db", "#1.db", "[x].db", "ä'\".db"])
async def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"in {name}"
    folder.mkdir()
    async with open_sqlite(folder / name) as storage:
        await storage.ping()

    assert (folder / name).stat().st_size > 0
    assert {path.name for path in folder.iterdir()} <= {
        name + suffix for suffix in ("", "-wal", "-shm", ".lock")
    }


async def test_a_relative_path_is_meant_from_where_the_start_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_sqlite(Path("./agentbox.db")) as storage:
        monkeypatch.chdir("/")
        await storage.ping()
        assert storage.default_secret_path == tmp_path / "agentbox.db.key"
        assert storage.initial_password_path == tmp_path / "agentbox.db.initial-password"


def test_a_device_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    # OP-07: it writes only its own files.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o666)
    pipe.chmod(0o666)
    with pytest.raises(StorageError, match="not a file"):
        SqliteStorage(pipe).migrate(own_folders())
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o666
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_lock_that_is_a_link_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    # OP-07: it writes only its own files.
    other = tmp_path / "other"
    other.touch()
    other.chmod(0o644)
    (tmp_path / "agentbox.db.lock").symlink_to(other)
    with pytest.raises(StorageError, match="is a link"):
        SqliteStorage(tmp_path / "agentbox.db").migrate(own_folders())
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


async def test_a_time_out_of_range_is_a_storage_error(tmp_path: Path) -> None:
    path = tmp_path / "agentbox.db"
    async with open_sqlite(path) as storage:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE users SET created_at = 9223372036854775807")
            connection.commit()
        with pytest.raises(StorageError):
            async with storage.transaction(read_only=True) as tx:
                await tx.users.get(a_user().id)
