"""The runner around yoyo, on SQLite."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.errors import SchemaError, StorageError
from agentbox.plugin.migrations import MigrationFolder
from agentbox.testing.samples import a_user
from agentbox_sqlite import schema
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.processes import HOLD_FILE_LOCK, holding


@pytest.fixture
def folder(tmp_path: Path) -> MigrationFolder:
    path = tmp_path / "acme"
    path.mkdir()
    return MigrationFolder(plugin="acme", path=path)


def put(folder: MigrationFolder, id_: str, up: str, down: str = "SELECT 1;\n") -> None:
    (folder.path / f"{id_}.sql").write_text(up)
    (folder.path / f"{id_}.rollback.sql").write_text(down)


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def test_our_row_and_yoyo_s_mark_are_both_there(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())

    ours = rows(database, "SELECT id, plugin, length(sha256) FROM agentbox_migrations")
    assert ours == [
        ("agentbox-sqlite-0001-initial", "sqlite", 64),
        ("agentbox-sqlite-0002-environments", "sqlite", 64),
        ("agentbox-sqlite-0004-throttles", "sqlite", 64),
    ]
    marked = rows(database, "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")
    assert marked == [(row[0],) for row in ours]


def test_yoyo_s_lock_table_is_not_made(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())

    assert rows(database, "SELECT name FROM sqlite_master WHERE name = 'yoyo_lock'") == []


def test_rolling_back_removes_both_marks(database: Path) -> None:
    storage = SqliteStorage(database)
    storage.migrate(own_folders())
    storage.migrate(own_folders(), down_to="")

    assert rows(database, "SELECT * FROM agentbox_migrations") == []
    assert rows(database, "SELECT * FROM _yoyo_migration") == []


def test_tables_are_strict_and_refer_to_each_other(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())

    loose = rows(
        database,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%STRICT%'"
        " AND name NOT LIKE '%yoyo%' AND name NOT IN ('agentbox_migrations', 'sqlite_sequence')",
    )
    assert loose == []


def test_a_migration_without_its_way_back_is_refused(
    database: Path, folder: MigrationFolder
) -> None:
    (folder.path / "acme-0001-x.sql").write_text("CREATE TABLE x (id text);")

    with pytest.raises(SchemaError, match=r"acme-0001-x\.rollback\.sql"):
        SqliteStorage(database).migrate([folder])


def test_an_empty_folder_is_refused(database: Path, folder: MigrationFolder) -> None:
    with pytest.raises(SchemaError, match="acme"):
        SqliteStorage(database).migrate([folder])


def test_one_id_in_two_folders_is_refused(
    database: Path, folder: MigrationFolder, tmp_path: Path
) -> None:
    put(folder, "0001-initial", "CREATE TABLE x (id text);")
    shutil.copytree(folder.path, tmp_path / "other")
    other = MigrationFolder(plugin="other", path=tmp_path / "other")

    with pytest.raises(SchemaError, match="acme and other"):
        SqliteStorage(database).migrate([folder, other])


def test_a_migration_can_t_ask_for_no_transaction(database: Path, folder: MigrationFolder) -> None:
    put(folder, "acme-0001-x", "-- transactional: false\nCREATE TABLE x (id text);")

    with pytest.raises(SchemaError, match="acme-0001-x"):
        SqliteStorage(database).migrate([folder])


def test_a_migration_that_leaves_rows_pointing_nowhere_is_undone(
    database: Path, folder: MigrationFolder
) -> None:
    put(
        folder,
        "acme-0001-x",
        "CREATE TABLE a (id text PRIMARY KEY);"
        "CREATE TABLE b (a text REFERENCES a (id)); INSERT INTO b VALUES ('nowhere');",
    )

    with pytest.raises(SchemaError, match="point nowhere"):
        SqliteStorage(database).migrate([folder])
    assert rows(database, "SELECT name FROM sqlite_master WHERE name IN ('a', 'b')") == []


def test_what_was_applied_before_the_failing_one_stays(
    database: Path, folder: MigrationFolder
) -> None:
    put(folder, "acme-0001-good", "CREATE TABLE good (id text);")
    put(folder, "acme-0002-bad", "CREATE TABLE bad (id text); CREATE TABLE good (id text);")

    with pytest.raises(SchemaError, match="acme-0002-bad failed"):
        SqliteStorage(database).migrate([folder])

    status = SqliteStorage(database).schema_status([folder])
    assert status.applied == ("acme-0001-good",)
    assert rows(database, "SELECT name FROM sqlite_master WHERE name = 'bad'") == []


def test_only_yoyo_s_mark_and_no_row_of_ours_is_found_out(
    database: Path, folder: MigrationFolder
) -> None:
    put(folder, "acme-0001-x", "CREATE TABLE x (id text);", "DROP TABLE x;")
    SqliteStorage(database).migrate([folder])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM agentbox_migrations")

    with pytest.raises(SchemaError, match="acme-0001-x"):
        SqliteStorage(database).migrate([folder])


async def test_a_table_can_be_rebuilt_under_its_references(
    database: Path, folder: MigrationFolder
) -> None:
    put(
        folder,
        "acme-0001-rebuild",
        "CREATE TABLE copy AS SELECT * FROM users; DELETE FROM users;"
        "INSERT INTO users SELECT * FROM copy; DROP TABLE copy;",
    )
    storage = SqliteStorage(database)
    storage.migrate(own_folders())
    async with storage.open(), storage.transaction() as tx:
        await tx.users.add(a_user())

    storage.migrate([*own_folders(), folder])

    async with storage.open(), storage.transaction(read_only=True) as tx:
        assert await tx.users.get("user-1") == a_user()


def test_a_second_process_that_migrates_is_waited_for_and_then_given_up(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "PATIENCE", 0.1)
    with holding(HOLD_FILE_LOCK, database):
        with pytest.raises(StorageError, match="Another process"):
            SqliteStorage(database).migrate(own_folders())

    assert SqliteStorage(database).migrate(own_folders())


def test_neither_the_user_s_name_nor_the_network_is_asked(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's uid may have no name, and a resolver that does not answer takes seconds."""

    def refuse(*arguments: object) -> str:
        raise OSError("asked all the same")

    monkeypatch.setattr("getpass.getuser", refuse)
    monkeypatch.setattr("socket.getfqdn", refuse)

    assert SqliteStorage(database).migrate(own_folders())
