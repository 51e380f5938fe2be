"""A transaction on Postgres: the kit's stores, and the one that writers who don't wait need."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.errors import StorageError
from agentbox.model.audit import AuditRow
from agentbox.plugin.sql import SqlTransaction
from agentbox.plugin.sql.audit import COLUMNS, SqlAuditStore
from agentbox_postgres.connection import PostgresConnection
from agentbox_postgres.uses import (
    PostgresApiKeyStore,
    PostgresApiKeyUsageStore,
    PostgresSessionStore,
)

NUMBERS = "hashtextextended('agentbox audit numbers', 0)"

# Whoever adds a row holds this lock, shared, from before the row has its number until the end of
# its transaction. MATERIALIZED keeps the order: first the lock, then nextval.
INSERT = (
    f"WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({NUMBERS}) AS nothing)"
    f" INSERT INTO audit (seq, {COLUMNS})"
    " SELECT nextval('audit_numbers'), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM held"
)
# Alone with the numbers for a moment, there is no row that has its number and is not there yet.
SAVEPOINT = "SAVEPOINT numbers"
WAIT_BRIEFLY = "SET LOCAL lock_timeout = '100ms'"
BE_ALONE = f"SELECT pg_advisory_xact_lock({NUMBERS})"
GO_BACK = "ROLLBACK TO SAVEPOINT numbers"


class PostgresAuditStore(SqlAuditStore):
    """The trail, with writers side by side."""

    insert = INSERT

    async def unsealed(self, after: int, limit: int) -> Sequence[AuditRow]:
        """None for now if a transaction that adds rows takes longer than a moment.

        The lock stays until the end of the transaction, and keeps others from adding rows
        meanwhile: sealing takes some milliseconds, and waiting for it at most a tenth of a second.
        """
        if not await self.rows(after, 1):
            return ()
        await self._db.fetch(SAVEPOINT)
        try:
            await self._db.fetch(WAIT_BRIEFLY)
            await self._db.fetch(BE_ALONE)
        except StorageError:
            await self._db.fetch(GO_BACK)
            return ()
        return await self.rows(after, limit)


class PostgresTransaction(SqlTransaction):
    """All stores over one connection."""

    def __init__(self, db: PostgresConnection) -> None:
        super().__init__(db)
        self.sessions = PostgresSessionStore(db)
        self.api_keys = PostgresApiKeyStore(db)
        self.api_key_usage = PostgresApiKeyUsageStore(db)
        self.audit = PostgresAuditStore(db)
