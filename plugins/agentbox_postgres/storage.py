"""Postgres as a `Storage`: a pool for transactions, and a connection that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin import Services, Storage, Transaction
from agentbox.plugin.findings import Finding
from agentbox.plugin.migrations import (
    MigrationFolder,
    SchemaStatus,
    migrate,
    read_folders,
    schema_status,
)
from agentbox.plugin.storage import Change, Tables, WritableTables
from agentbox_postgres.checks import require_fit, require_sessions
from agentbox_postgres.copying.tables import reading, writing
from agentbox_postgres.findings import findings
from agentbox_postgres.notices import Notices
from agentbox_postgres.pool import Pool
from agentbox_postgres.schema import PostgresTarget

NOW = "SELECT clock_timestamp()"
PING = "SELECT 1"

BRIEF_POOL = 3
"""Connections of a command."""


class PostgresStorage(Storage):
    """A Postgres database.

    `dsn` may go through a pooler if `direct_dsn` leads to the same database without it. `services`
    are for what a server logs and measures.
    """

    name = "postgres"
    many_processes = True
    backup_advice = (
        "Use `pg_dump --format=custom`, restore with `pg_restore`, and keep AGENTBOX_SECRET_KEY "
        "with it."
    )

    def __init__(
        self,
        dsn: str,
        *,
        direct_dsn: str | None = None,
        pool_size: int = 10,
        services: Services | None = None,
    ) -> None:
        self._dsn = dsn
        self._direct_dsn = direct_dsn or dsn
        self._pooled = direct_dsn is not None
        self._pool_size = pool_size
        self._services = services
        self._listeners: list[Callable[[Change], None]] = []
        self._pool: Pool | None = None

    @asynccontextmanager
    async def open(self, *, brief: bool = False) -> AsyncIterator[None]:
        notices = Notices(self._direct_dsn, self._services, self._tell)
        pool = Pool(
            self._dsn,
            min(self._pool_size, BRIEF_POOL) if brief else self._pool_size,
            pooled=self._pooled,
            hurried=not brief,
            announce=notices.announcement,
            tell=self._tell,
            doubt=notices.doubt,
            waited=self._waited,
        )
        try:
            await pool.open()
            await require_fit(pool)
            self._pool = pool
            if brief:
                yield
                return
            await require_sessions(self._direct_dsn)
            async with notices.heard(pool):
                yield
        finally:
            self._pool = None
            await pool.close()

    def transaction(
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        if read_only:
            return self._opened.reading(single=single)
        return self._opened.transaction(lease)

    async def ping(self) -> None:
        await self._opened.fetch(PING)

    async def now(self) -> datetime:
        now: datetime = (await self._opened.fetch(NOW))[0]
        return now.astimezone(UTC)

    def examine(self, *, connect: bool) -> Sequence[Finding]:
        return findings(self._direct_dsn) if connect else ()

    def on_change(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        return schema_status(read_folders(folders), PostgresTarget(self._direct_dsn).applied())

    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        return migrate(PostgresTarget(self._direct_dsn), folders, down_to=down_to)

    def tables(self) -> AbstractAsyncContextManager[Tables]:
        return reading(self._direct_dsn)

    def writable_tables(self) -> AbstractAsyncContextManager[WritableTables]:
        return writing(self._direct_dsn)

    @property
    def _opened(self) -> Pool:
        if self._pool is None:
            raise StorageError("the database is not open")
        return self._pool

    def _waited(self, seconds: float) -> None:
        if self._services is not None:
            self._services.observe("pool_wait_seconds", seconds)

    def _tell(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)
