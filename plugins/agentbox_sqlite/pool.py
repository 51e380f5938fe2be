"""The connections of a process: one that writes, a few that read, each with its turns."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from agentbox.errors import AgentboxError, StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin.sql import Endings, SqlTransaction
from agentbox.plugin.storage import Change
from agentbox_sqlite.connection import (
    RawReader,
    SqliteConnection,
    is_busy,
    open_reader,
    open_writer,
    translate,
    translated,
)

PATIENCE = 5.0
"""Seconds that a transaction waits for its turn, in this process and among others together."""

PAUSE = 0.005
"""Seconds between two attempts to begin writing; each of them waits inside SQLite as well."""


Waited = Callable[[float], None]


class Writer:
    """The one connection that writes. `tell` hears of each commit's changes, `waited` of the
    seconds that a transaction waited for its turn."""

    def __init__(
        self,
        connection: aiosqlite.Connection,
        tell: Callable[[Iterable[Change]], None],
        waited: Waited,
    ) -> None:
        self._waited = waited
        self._connection = connection
        self._tell = tell
        self._turn = asyncio.Lock()
        self._endings = Endings()

    @classmethod
    async def open(
        cls, path: Path, tell: Callable[[Iterable[Change]], None], waited: Waited
    ) -> Writer:
        """Connect. Raises `StorageError`."""
        return cls(await open_writer(path), tell, waited)

    @asynccontextmanager
    async def transaction(self, lease: Lease | None) -> AsyncIterator[SqlTransaction]:
        """What `Storage.transaction` promises of writing."""
        await self._begin()
        connection = SqliteConnection(self._connection)
        tx = SqlTransaction(connection)
        try:
            if lease is not None:
                await tx.require(lease)
            yield tx
        except BaseException:
            connection.close()
            await asyncio.shield(self._endings.start(self._roll_back()))
            raise
        connection.close()
        # If this is cancelled, the commit still takes place, and is still told.
        await asyncio.shield(self._endings.start(self._commit(tx.changes)))

    async def data_version(self) -> int:
        """A number that moves when another process has committed. Raises `StorageError`."""
        with translated():
            rows = await self._connection.execute_fetchall("PRAGMA data_version")
        return int(next(iter(rows))[0])

    async def checkpoint(self, release: Callable[[], None]) -> None:
        """Write the WAL back between two transactions, then call `release`.

        The caller has made sure that nobody else checkpoints, until `release`. TRUNCATE holds
        SQLite's write lock throughout, so that nobody can start the WAL over meanwhile.
        """
        await asyncio.shield(self._endings.start(self._checkpoint(release)))

    async def close(self) -> None:
        """Wait for the transaction that runs, and close. Every use after that fails."""
        async with self._turn:
            await self._connection.close()

    async def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        if self._turn.locked():
            await _in_time(self._turn.acquire(), deadline, self._waited)
        else:
            await self._turn.acquire()
        try:
            while not await self._try_begin():
                if loop.time() >= deadline:
                    raise StorageError("another process holds the database")
                await asyncio.sleep(PAUSE)
        except BaseException:
            # A cancelled BEGIN may still stand in the connection's queue; this comes after it.
            await asyncio.shield(self._endings.start(self._roll_back()))
            raise

    async def _try_begin(self) -> bool:
        try:
            await self._connection.execute_fetchall("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if is_busy(error):
                return False
            raise translate(error) from error
        except ValueError as error:
            raise StorageError("the database is closed") from error
        return True

    async def _commit(self, changes: list[Change]) -> None:
        try:
            with translated():
                await self._connection.execute_fetchall("COMMIT")
        except AgentboxError:
            await self._roll_back()
            raise
        try:
            self._tell(changes)
        finally:
            self._turn.release()

    async def _roll_back(self) -> None:
        # It fails where nothing began, and where SQLite has rolled back by itself.
        try:
            with contextlib.suppress(sqlite3.Error, ValueError):
                await self._connection.execute_fetchall("ROLLBACK")
        finally:
            self._turn.release()

    async def _checkpoint(self, release: Callable[[], None]) -> None:
        try:
            async with self._turn:
                with translated():
                    await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            release()


class Readers:
    """A few connections that read."""

    def __init__(
        self, connections: list[tuple[aiosqlite.Connection, RawReader]], waited: Waited
    ) -> None:
        self._waited = waited
        self._all = list(connections)
        self._idle = list(connections)
        self._turns = asyncio.Semaphore(len(connections))
        self._endings = Endings()

    @classmethod
    async def open(cls, path: Path, number: int, waited: Waited) -> Readers:
        """Connect. Raises `StorageError`."""
        connections: list[tuple[aiosqlite.Connection, RawReader]] = []
        try:
            for _ in range(number):
                connections.append(await open_reader(path))
        except BaseException:
            for connection, _ in connections:
                await connection.close()
            raise
        return cls(connections, waited)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlTransaction]:
        """What `Storage.transaction` promises of reading."""
        async with self.connection() as connection:
            yield SqlTransaction(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[SqliteConnection]:
        """A connection in a transaction that begins with its first statement."""
        if self._turns.locked():
            deadline = asyncio.get_running_loop().time() + PATIENCE
            await _in_time(self._turns.acquire(), deadline, self._waited)
        else:
            await self._turns.acquire()
        reader = self._idle.pop()
        connection = SqliteConnection(reader[0])
        reader[1].renew = True
        try:
            yield connection
        finally:
            # The transaction stays open, and unused, until the next one or until `settle`.
            connection.close()
            self._idle.append(reader)
            self._turns.release()

    async def settle(self) -> None:
        """End transactions that nobody uses: their view of the past would hold up a checkpoint."""
        for reader in [reader for reader in self._idle if reader[1].in_transaction]:
            if reader in self._idle and not self._turns.locked():
                await self._turns.acquire()
                self._idle.remove(reader)
                await asyncio.shield(self._endings.start(self._end(reader)))

    async def close(self) -> None:
        """Wait for the transactions that run, and close."""
        for _ in self._all:
            await self._turns.acquire()
        for connection, _ in self._all:
            await connection.close()

    async def _end(self, reader: tuple[aiosqlite.Connection, RawReader]) -> None:
        try:
            with contextlib.suppress(sqlite3.Error, ValueError):
                await reader[0].execute_fetchall("ROLLBACK")
        finally:
            self._idle.append(reader)
            self._turns.release()


async def _in_time(turn: Coroutine[Any, Any, object], deadline: float, waited: Waited) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout_at(deadline):
            await turn
    except TimeoutError:
        raise StorageError("too many transactions wait for the database") from None
    finally:
        waited(time.monotonic() - began)
