"""What a server does beside its work."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.model.users import UserFilter
from agentbox.plugin.storage import ALL_CHANGED, Change
from agentbox.testing import PlainServices
from agentbox.testing.samples import a_user, an_event
from agentbox_sqlite import upkeep
from agentbox_sqlite.files import FileLock
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.scale import scaled
from tests.storage.database import open_sqlite


async def test_the_start_says_which_sqlite_and_who_checkpoints(database: Path) -> None:
    # ST-05
    services = PlainServices()
    storage = SqliteStorage(database, services)
    storage.migrate(own_folders())
    async with storage.open():
        pass

    expected = {"sqlite": sqlite3.sqlite_version, "checkpointers": "single"}
    assert services.kept.lines == [("info", "sqlite_opened", expected)]


async def test_nothing_checkpoints_by_itself(sqlite: SqliteStorage) -> None:
    # ST-05: on the writer and on every reader
    assert sqlite._writer is not None
    assert sqlite._readers is not None
    for connection in (sqlite._writer._connection, *(c for c, _ in sqlite._readers._all)):
        assert list(await connection.execute_fetchall("PRAGMA wal_autocheckpoint")) == [(0,)]


async def test_commits_wait_for_the_disk(sqlite: SqliteStorage) -> None:
    # ST-01: WAL and synchronous=FULL (2)
    assert sqlite._writer is not None
    connection = sqlite._writer._connection
    assert list(await connection.execute_fetchall("PRAGMA journal_mode")) == [("wal",)]
    assert list(await connection.execute_fetchall("PRAGMA synchronous")) == [(2,)]


async def test_another_process_s_commit_drops_everything_once(
    sqlite: SqliteStorage, database: Path
) -> None:
    heard: asyncio.Queue[Change] = asyncio.Queue()
    sqlite.on_change(heard.put_nowait)

    async with open_sqlite(database, brief=True) as command:
        async with command.transaction() as tx:
            await tx.users.add(a_user())

    assert await asyncio.wait_for(heard.get(), 5) == ALL_CHANGED


async def test_one_s_own_commits_tell_only_what_they_say(sqlite: SqliteStorage) -> None:
    heard: list[Change] = []
    sqlite.on_change(heard.append)
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())

    await asyncio.sleep(2.5 * upkeep.INTERVAL)

    assert heard == []


async def test_a_grown_wal_is_written_back(sqlite: SqliteStorage, database: Path) -> None:
    wal = database.with_name("agentbox.db-wal")
    await _grow(sqlite, wal)

    async with asyncio.timeout(10):
        while wal.stat().st_size > 0:
            await asyncio.sleep(0.02)


async def test_a_checkpoint_of_one_s_own_is_no_change(
    sqlite: SqliteStorage, database: Path
) -> None:
    heard: list[Change] = []
    sqlite.on_change(heard.append)
    await _grow(sqlite, database.with_name("agentbox.db-wal"))

    async with asyncio.timeout(10):
        while database.with_name("agentbox.db-wal").stat().st_size > 0:
            await asyncio.sleep(0.02)
    async with sqlite.transaction() as tx:
        await tx.users.add(a_user())
    await asyncio.sleep(2.5 * upkeep.INTERVAL)

    assert heard == []


async def test_a_grown_wal_waits_for_a_command(sqlite: SqliteStorage, database: Path) -> None:
    # ST-05
    wal = database.with_name("agentbox.db-wal")
    lock = FileLock(database)
    assert lock.try_acquire()
    await _grow(sqlite, wal)
    await asyncio.sleep(2.5 * upkeep.INTERVAL)
    assert wal.stat().st_size > 0

    lock.release()

    async with asyncio.timeout(10):
        while wal.stat().st_size > 0:
            await asyncio.sleep(0.02)


async def test_an_idle_reader_does_not_hold_up_a_checkpoint(
    sqlite: SqliteStorage, database: Path
) -> None:
    wal = database.with_name("agentbox.db-wal")
    async with sqlite.transaction(read_only=True) as tx:
        await tx.users.get("nobody")
    await _grow(sqlite, wal)

    async with asyncio.timeout(10):
        while wal.stat().st_size > 0:
            await asyncio.sleep(0.02)


async def _grow(storage: SqliteStorage, wal: Path) -> None:
    """Past the limit in one transaction, so that no look falls in between."""
    async with storage.transaction() as tx:
        for number in range(300):
            await tx.audit.add(an_event(str(number), target="x" * 16_000))
    assert wal.stat().st_size >= upkeep.WAL_LIMIT


async def test_a_server_and_commands_together_keep_the_file_whole(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ST-05: checkpoints all the time, on the server and by commands that come and go
    monkeypatch.setattr(upkeep, "WAL_LIMIT", 1)
    monkeypatch.setattr(upkeep, "INTERVAL", 0.005)
    rounds = scaled(15)

    async def serve(storage: SqliteStorage) -> None:
        for number in range(rounds * 10):
            async with storage.transaction() as tx:
                await tx.users.add(a_user(f"server-{number}"))

    async def command(number: int) -> None:
        async with open_sqlite(database, brief=True) as storage, storage.transaction() as tx:
            await tx.users.add(a_user(f"command-{number}"))

    async with open_sqlite(database) as server:
        writing = asyncio.create_task(serve(server))
        for number in range(rounds):
            await command(number)
        await writing
        async with server.transaction(read_only=True) as tx:
            assert await tx.users.count(UserFilter()) == rounds * 11

    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
