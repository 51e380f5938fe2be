"""A transaction over one connection: the stores, what has changed, and how it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin.sql.api_keys import SqlApiKeyStore
from agentbox.plugin.sql.audit import SqlAuditStore
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.sql.environments import SqlEnvironmentStore
from agentbox.plugin.sql.grants import SqlGrantStore
from agentbox.plugin.sql.metrics import SqlMetricStore, SqlReportStore
from agentbox.plugin.sql.records import (
    SqlJobStore,
    SqlMarkerStore,
    SqlSigningKeyStore,
)
from agentbox.plugin.sql.sessions import SqlLoginFlowStore, SqlSessionStore
from agentbox.plugin.sql.throttles import SqlThrottleStore
from agentbox.plugin.sql.usage import SqlApiKeyRateStore, SqlApiKeyUsageStore
from agentbox.plugin.sql.users import (
    SqlIdentityStore,
    SqlPasswordResetStore,
    SqlPasswordStore,
    SqlUserStore,
)
from agentbox.plugin.storage import Change, Transaction

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class SqlTransaction(Transaction):
    """All stores over `db`. A backend that needs other statements replaces a store after this.

    `changes` is what the backend tells its listeners after the commit.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.changes: list[Change] = []
        self.users = SqlUserStore(db)
        self.passwords = SqlPasswordStore(db)
        self.password_resets = SqlPasswordResetStore(db)
        self.identities = SqlIdentityStore(db)
        self.sessions = SqlSessionStore(db)
        self.login_flows = SqlLoginFlowStore(db)
        self.api_keys = SqlApiKeyStore(db)
        self.api_key_usage = SqlApiKeyUsageStore(db)
        self.api_key_rates = SqlApiKeyRateStore(db)
        self.environments = SqlEnvironmentStore(db)
        self.grants = SqlGrantStore(db)
        self.reports = SqlReportStore(db)
        self.metrics = SqlMetricStore(db)
        self.signing_keys = SqlSigningKeyStore(db)
        self.throttles = SqlThrottleStore(db)
        self.audit = SqlAuditStore(db)
        self.jobs = SqlJobStore(db)
        self.markers = SqlMarkerStore(db)

    async def lock(self, name: str) -> None:
        await self._db.lock(name)

    async def delete_older(self, table: str, column: str, before: datetime, limit: int) -> int:
        for name in (table, column):
            if _NAME.fullmatch(name) is None:
                raise StorageError(f"{name!r} is no name of a table or a column")
        # No key is known of the table, and not every table has row ids: a time is what can be told.
        found = await self._db.fetch(
            f'SELECT "{column}" FROM "{table}" WHERE "{column}" < $1'
            f' ORDER BY "{column}" LIMIT 1 OFFSET $2',
            before,
            limit - 1,
        )
        if found:
            delete = f'DELETE FROM "{table}" WHERE "{column}" <= $1 RETURNING 1'
            return len(await self._db.fetch(delete, self._db.instant(found[0][0])))
        delete = f'DELETE FROM "{table}" WHERE "{column}" < $1 RETURNING 1'
        return len(await self._db.fetch(delete, before))

    def changed(self, change: Change) -> None:
        self.changes.append(change)

    async def require(self, lease: Lease) -> None:
        """Raises `StorageError` if another process has claimed the job since."""
        if not await SqlJobStore(self._db).holds(lease):
            raise StorageError(f"the job {lease.name} has been claimed by another process")


class Endings:
    """Ends of transactions. Each runs in a task of its own, so that nothing can cancel it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, end: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `end` to its end, whatever becomes of the caller."""
        task = asyncio.get_running_loop().create_task(end)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever awaits the task gets the exception; if nobody is left, it has no reader.
            task.exception()
