"""One writer at a time, and what the others are told."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.errors import StorageError
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import a_password, a_user
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.database import open_sqlite
from tests.storage.processes import HOLD, HOLD_FILE_LOCK, holding, release


async def add(storage: Storage, id_: str) -> None:
    async with storage.transaction() as tx:
        await tx.users.add(a_user(id_))
        await tx.passwords.put(a_password(id_))


async def count(storage: Storage) -> int:
    async with storage.transaction(read_only=True) as tx:
        return await tx.users.count(UserFilter())


async def test_fifty_parallel_writers_all_succeed(sqlite: SqliteStorage) -> None:
    # ST-03
    await asyncio.gather(*(add(sqlite, str(number)) for number in range(50)))

    assert await count(sqlite) == 50


async def test_a_lock_that_stays_is_an_error_within_six_seconds(
    sqlite: SqliteStorage, database: Path
) -> None:
    # ST-03
    with holding(HOLD, database):
        started = time.monotonic()
        answers = await asyncio.gather(
            *(add(sqlite, str(number)) for number in range(5)), return_exceptions=True
        )
        took = time.monotonic() - started

    assert [type(answer) for answer in answers] == [StorageError] * 5
    assert 4.5 < took < 6


async def test_a_lock_that_goes_is_waited_for(sqlite: SqliteStorage, database: Path) -> None:
    # ST-03
    with holding(HOLD, database) as holder:
        waiting = asyncio.create_task(add(sqlite, "patient"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        release(holder)
        await waiting

    assert await count(sqlite) == 1


async def test_reading_goes_on_beside_a_lock(sqlite: SqliteStorage, database: Path) -> None:
    await add(sqlite, "here")
    with holding(HOLD, database):
        started = time.monotonic()
        assert await count(sqlite) == 1
        await sqlite.ping()
        assert time.monotonic() - started < 2


async def test_commands_wait_for_each_other(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())
    with holding(HOLD_FILE_LOCK, database) as other:
        storage = SqliteStorage(database)

        async def command() -> None:
            async with storage.open(brief=True):
                await add(storage, "one")

        waiting = asyncio.create_task(command())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        release(other)
        await waiting


async def test_a_command_gives_up_on_one_that_never_ends(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())
    with holding(HOLD_FILE_LOCK, database):
        with pytest.raises(StorageError, match="Another command"):
            async with SqliteStorage(database).open(brief=True):
                pass


async def test_a_server_starts_beside_a_command(database: Path) -> None:
    SqliteStorage(database).migrate(own_folders())
    with holding(HOLD_FILE_LOCK, database):
        async with SqliteStorage(database).open():
            pass


async def test_a_command_leaves_its_work_in_the_database_file(database: Path) -> None:
    async with open_sqlite(database, brief=True) as storage:
        await add(storage, "one")

    assert database.with_name("agentbox.db-wal").stat().st_size == 0


async def test_closing_never_checkpoints_beside_a_command(database: Path) -> None:
    # ST-05: closing is the one moment at which SQLite checkpoints unasked
    wal = database.with_name("agentbox.db-wal")
    SqliteStorage(database).migrate(own_folders())
    with holding(HOLD_FILE_LOCK, database):
        storage = SqliteStorage(database)
        async with storage.open():
            await add(storage, "one")
            written, file = wal.read_bytes(), database.read_bytes()

        assert written
        assert wal.read_bytes() == written
        assert database.read_bytes() == file

    async with open_sqlite(database) as storage:
        assert await count(storage) == 1


async def test_a_server_checkpoints_when_it_closes_alone(database: Path) -> None:
    async with open_sqlite(database) as storage:
        await add(storage, "one")

    assert database.with_name("agentbox.db-wal").stat().st_size == 0


async def test_an_abrupt_second_process_sees_no_lock_after_the_server(database: Path) -> None:
    async with open_sqlite(database) as storage:
        await add(storage, "one")

    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
