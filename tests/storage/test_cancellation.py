"""A request that is cancelled leaves nothing behind: no rows, no transaction, no lock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest

from agentbox.errors import StorageError
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Change, Transaction
from agentbox.testing.samples import a_password, a_user
from agentbox_sqlite.storage import SqliteStorage
from tests.scale import scaled
from tests.storage.database import nobody_holds
from tests.storage.processes import HOLD, holding


async def write(storage: SqliteStorage, id_: str) -> None:
    async with storage.transaction() as tx:
        await tx.users.add(a_user(id_))
        await tx.passwords.put(a_password(id_))
        tx.changed(Change("user", id_))


async def steps(number: int) -> None:
    """Let everything else run, so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def timed(work: Awaitable[object]) -> float:
    """How many seconds it takes."""
    started = time.monotonic()
    await work
    return time.monotonic() - started


async def test_cancelling_anywhere_leaves_no_transaction(
    sqlite: SqliteStorage, database: Path
) -> None:
    # ST-04
    heard: list[str] = []
    sqlite.on_change(lambda change: heard.append(change.id))
    for number in range(scaled(100)):
        tasks = [asyncio.create_task(write(sqlite, f"{number}-{n}")) for n in range(3)]
        # Between one turn of the loop and some milliseconds, so that every await is hit.
        await steps(number % 7)
        await asyncio.sleep((number % 11) / 2000)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    took = [await timed(write(sqlite, f"next-{n}")) for n in range(3)]
    assert min(took) < 0.1
    assert nobody_holds(database)
    async with sqlite.transaction(read_only=True) as tx:
        users = await tx.users.count(UserFilter())
        assert users == len(heard)
        for id_ in heard:
            assert await tx.passwords.get(id_) is not None


async def test_cancelling_twice_still_rolls_back(sqlite: SqliteStorage, database: Path) -> None:
    # ST-04: the roll-back itself can be cancelled
    for number in range(scaled(50)):
        task = asyncio.create_task(write(sqlite, str(number)))
        await steps(number % 9)
        for _ in range(5):
            task.cancel()
            await steps(1)
        await asyncio.gather(task, return_exceptions=True)

    await write(sqlite, "next")
    assert nobody_holds(database)


async def test_cancelling_while_another_process_holds_the_lock(
    sqlite: SqliteStorage, database: Path
) -> None:
    # ST-04
    with holding(HOLD, database):
        task = asyncio.create_task(write(sqlite, "waiting"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await write(sqlite, "next")
    async with sqlite.transaction(read_only=True) as tx:
        assert await tx.users.get("waiting") is None
    assert nobody_holds(database)


async def test_a_deadline_inside_a_transaction_undoes_it(
    sqlite: SqliteStorage, database: Path
) -> None:
    # ST-04
    async def linger() -> None:
        async with sqlite.transaction() as tx:
            await tx.users.add(a_user())
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(linger(), 0.02)

    assert nobody_holds(database)
    async with sqlite.transaction(read_only=True) as tx:
        assert await tx.users.count(UserFilter()) == 0


async def test_a_task_that_outlives_the_transaction_can_t_write(sqlite: SqliteStorage) -> None:
    async def linger(tx: Transaction, gone: asyncio.Event) -> None:
        await gone.wait()
        await tx.users.add(a_user("late"))

    gone = asyncio.Event()
    async with sqlite.transaction() as tx:
        late = asyncio.create_task(linger(tx, gone))
    gone.set()

    with pytest.raises(StorageError):
        await late
    async with sqlite.transaction(read_only=True) as tx:
        assert await tx.users.get("late") is None


async def test_cancelled_readers_are_given_back(sqlite: SqliteStorage) -> None:
    async def read() -> int:
        async with sqlite.transaction(read_only=True) as tx:
            return await tx.users.count(UserFilter())

    for number in range(scaled(100)):
        tasks = [asyncio.create_task(read()) for _ in range(4)]
        await steps(number % 6)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert await asyncio.gather(*(read() for _ in range(8))) == [0] * 8


async def test_a_cancelled_reader_does_not_show_the_past_to_the_next(
    sqlite: SqliteStorage,
) -> None:
    for number in range(scaled(50)):
        stale = [asyncio.create_task(_list(sqlite)) for _ in range(2)]
        await steps(number % 5)
        await write(sqlite, str(number))
        for task in stale:
            task.cancel()
        assert await _list(sqlite) == number + 1
        await asyncio.gather(*stale, return_exceptions=True)


async def _list(storage: SqliteStorage) -> int:
    async with storage.transaction(read_only=True) as tx:
        await tx.users.get("nobody")
        return await tx.users.count(UserFilter())
