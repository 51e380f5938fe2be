"""Looking for damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentbox.errors import StorageError
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import a_password, a_user
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.damage import lose_index_rows, point_nowhere
from tests.storage.database import open_sqlite


async def test_a_whole_database_has_no_faults_also_while_it_is_written(
    sqlite: SqliteStorage,
) -> None:
    # ST-05
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())
        assert await SqliteStorage(sqlite.path).check_integrity() == ()
        await tx.passwords.put(a_password())

    assert await sqlite.check_integrity() == ()


async def test_an_index_that_lost_its_rows_is_found(database: Path) -> None:
    # ST-05
    async with open_sqlite(database, brief=True) as storage, storage.transaction() as tx:
        await tx.users.add(a_user())
    lose_index_rows(database)

    faults = await SqliteStorage(database).check_integrity()

    assert any("users_newest" in fault for fault in faults)


async def test_rows_that_point_nowhere_are_counted(sqlite: SqliteStorage) -> None:
    point_nowhere(sqlite.path)

    assert await sqlite.check_integrity() == ("Rows of passwords that refer to no row of users: 1",)


async def test_what_is_no_database_is_an_error(database: Path) -> None:
    database.write_bytes(b"not a database" * 100)

    with pytest.raises(StorageError, match="not a database"):
        await SqliteStorage(database).check_integrity()


async def test_looking_makes_no_database(database: Path) -> None:
    assert await SqliteStorage(database).check_integrity() == ()
    assert not database.exists()


async def test_a_storage_that_can_t_look_finds_nothing(sqlite: SqliteStorage) -> None:
    assert await Storage.check_integrity(sqlite) == ()
