"""SQLite as a `Storage`: one writer, two readers, and who may checkpoint when.

SQLite before 3.51.3 can lose data if one connection checkpoints while another one checkpoints or
starts the WAL over (sqlite.org/wal.html, "the WAL-reset bug"). So here only one connection ever
checkpoints at a time, and no other process writes meanwhile:

- `wal_autocheckpoint = 0` everywhere; nothing is checkpointed by the way.
- A checkpoint runs on a writer, between its transactions, while it holds `<database>.lock`.
- Commands and migrations hold that lock from before they open the database until it is closed; a
  server takes it for a checkpoint alone, and without waiting, so it never checkpoints beside one.
- Closing the last connection would checkpoint too, and SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE can't be
  reached from Python 3.11. So the writer is closed first, while the readers still hold their shared
  locks, which keeps it from being the last; and the readers are opened read-only (`mode=ro`), which
  can't checkpoint at all. What stays in the WAL is read again at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin import Options, Services, Storage, StorageType, Transaction
from agentbox.plugin.findings import Finding
from agentbox.plugin.migrations import (
    MigrationFolder,
    SchemaStatus,
    migrate,
    read_folders,
    schema_status,
)
from agentbox.plugin.storage import Change, Tables, WritableTables
from agentbox_sqlite.backup import restore_backup, write_backup
from agentbox_sqlite.connection import require_version
from agentbox_sqlite.faults import faults
from agentbox_sqlite.files import FileLock, make_private, require_folder
from agentbox_sqlite.findings import findings
from agentbox_sqlite.pool import Readers, Writer
from agentbox_sqlite.schema import SqliteTarget
from agentbox_sqlite.tables import reading, writing
from agentbox_sqlite.upkeep import Upkeep

READERS = 2
PATIENCE = 5.0
"""Seconds that a command waits for another one."""

NOW = "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
PING = "SELECT 1 FROM sqlite_master LIMIT 1"


class SqliteOptions(Options, frozen=True):
    """`[plugins.sqlite]`: where the database is. Its folder must exist."""

    path: Path = Path("./agentbox.db")


class SqliteStorage(Storage):
    """A SQLite database in one file."""

    name = "sqlite"

    def __init__(self, path: Path, services: Services | None = None) -> None:
        self._services = services
        self.path = path.absolute()
        self.default_secret_path = self.path.with_name(self.path.name + ".key")
        self.initial_password_path = self.path.with_name(self.path.name + ".initial-password")
        self._log = None if services is None else services.log
        self._listeners: list[Callable[[Change], None]] = []
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    @asynccontextmanager
    async def open(self, *, brief: bool = False) -> AsyncIterator[None]:
        self._require_database()
        opened = self._opened_briefly() if brief else self._opened_to_serve()
        async with opened:
            yield

    def transaction(
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        if self._writer is None or self._readers is None:
            raise StorageError("the database is not open")
        if read_only:
            return self._readers.transaction()
        return self._writer.transaction(lease)

    async def ping(self) -> None:
        await self._ask(PING)

    async def now(self) -> datetime:
        return datetime.fromisoformat(await self._ask(NOW))

    async def check_integrity(self) -> Sequence[str]:
        require_folder(self.path)
        return await asyncio.to_thread(faults, self.path)

    def examine(self, *, connect: bool) -> Sequence[Finding]:
        return findings(self.path)

    def backup(self, destination: Path, *, replace: bool = False) -> None:
        write_backup(self.path, destination, replace=replace)

    def restore(
        self,
        source: Path,
        folders: Sequence[MigrationFolder],
        *,
        at: datetime,
        accept: Callable[[str | None], None],
    ) -> Path | None:
        return restore_backup(self.path, source, folders, at=at, accept=accept)

    def tables(self) -> AbstractAsyncContextManager[Tables]:
        return reading(self.path)

    def writable_tables(self) -> AbstractAsyncContextManager[WritableTables]:
        return writing(self.path)

    def on_change(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        return schema_status(read_folders(folders), SqliteTarget(self.path).applied())

    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        return migrate(SqliteTarget(self.path), folders, down_to=down_to)

    @asynccontextmanager
    async def _opened_to_serve(self) -> AsyncIterator[None]:
        async with self._connected() as (writer, readers):
            if self._log is not None:
                self._log.info(
                    "sqlite_opened", sqlite=sqlite3.sqlite_version, checkpointers="single"
                )
            upkeep = Upkeep(self.path, writer, readers, self._tell, self._log)
            async with upkeep.running():
                yield

    @asynccontextmanager
    async def _opened_briefly(self) -> AsyncIterator[None]:
        lock = FileLock(self.path)
        await self._acquire(lock)
        try:
            async with self._connected() as (writer, readers):
                yield
                # The lock is ours, and is not given back yet. What can't be written back now stays
                # in the WAL, where it is safe; the command has done its work either way.
                with contextlib.suppress(StorageError):
                    await readers.settle()
                    await writer.checkpoint(lambda: None)
        finally:
            lock.release()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Writer, Readers]]:
        found = self.path.stat()
        writer = await Writer.open(self.path, self._tell, self._waited)
        try:
            readers = await Readers.open(self.path, READERS, self._waited)
        except BaseException:
            await writer.close()
            raise
        self._writer, self._readers = writer, readers
        try:
            if not os.path.samestat(found, self.path.stat()):
                # What was opened has another name by now, and its WAL would be the new file's.
                raise StorageError(f"{self.path} was replaced meanwhile; start again.")
            yield writer, readers
        finally:
            await asyncio.shield(asyncio.create_task(self._disconnect(writer, readers)))

    async def _disconnect(self, writer: Writer, readers: Readers) -> None:
        self._writer = self._readers = None
        # The writer first: see the top of this module.
        await writer.close()
        await readers.close()

    async def _acquire(self, lock: FileLock) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while not lock.try_acquire():
            if loop.time() >= deadline:
                raise StorageError(f"Another command works on {self.path}; try again after it.")
            await asyncio.sleep(0.02)

    async def _ask(self, sql: str) -> str:
        if self._readers is None:
            raise StorageError("the database is not open")
        async with self._readers.connection() as connection:
            rows = await connection.fetch(sql)
        return str(rows[0][0]) if rows else ""

    def _require_database(self) -> None:
        require_version()
        require_folder(self.path)
        if not self.path.exists():
            raise StorageError(f"There is no database {self.path}; `agentbox migrate up` makes it.")
        make_private(self.path)

    def _waited(self, seconds: float) -> None:
        if self._services is not None:
            self._services.observe("pool_wait_seconds", seconds)

    def _tell(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)


def _create(services: Services) -> SqliteStorage:
    return SqliteStorage(services.options.path, services)


def _from_dsn(dsn: str) -> SqliteOptions:
    """`sqlite:relative/path.db` or `sqlite:///absolute/path.db`, with %xx for what needs it."""
    parts = urlsplit(dsn)
    if parts.netloc or parts.query or parts.fragment or not parts.path:
        raise ValueError("write sqlite:///absolute/path.db or sqlite:relative/path.db")
    return SqliteOptions(path=Path(unquote(parts.path)))


SQLITE_TYPE = StorageType(
    name="sqlite",
    create=_create,
    options=SqliteOptions,
    schemes=("sqlite",),
    description="an embedded SQLite database in one file",
    from_dsn=_from_dsn,
)
