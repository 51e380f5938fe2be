"""Transactions on a pool of connections, each on one of them from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin.sql import Endings, Row
from agentbox.plugin.storage import Change
from agentbox_postgres.connection import FAILURES, PostgresConnection, translate, translated
from agentbox_postgres.transaction import PostgresTransaction

PATIENCE: Final = 1.5
"""Seconds that a request's transaction waits for a connection, and each of its statements for its
answer: whoever asks is told within 2 s that the database does not answer."""

LONG_PATIENCE: Final = 30.0
"""The same for jobs and commands, which may have much to do and nobody who waits."""

# Whatever the database's defaults are: who has waited for a lock has to see what was committed
# meanwhile, and under REPEATABLE READ would see what there was before. A replica whose machine is
# gone must not keep its locks.
BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;"
    " SET LOCAL idle_in_transaction_session_timeout = '10s'"
)
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

Announce = Callable[[Sequence[Change]], str]
Tell = Callable[[Sequence[Change]], None]


class Pool:
    """At most `size` connections, made when they are needed and thrown away when they fail.

    `announce` gives the statement that tells other processes of changes, sent with the commit;
    `tell` hears of them after it. With `pooled` there is a pooler between here and the database:
    then nothing is kept on a connection, and everything runs in a transaction.
    """

    def __init__(
        self,
        dsn: str,
        size: int,
        *,
        pooled: bool,
        patience: float,
        announce: Announce,
        tell: Tell,
    ) -> None:
        self._pooled = pooled
        self._patience = patience
        self._announce = announce
        self._tell = tell
        self._endings = Endings()
        self._pool = asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            reset=_keep_as_it_is,
            timeout=PATIENCE,
            statement_cache_size=0 if pooled else 512,
            max_inactive_connection_lifetime=300.0,
            # A standby would take every read and no write.
            target_session_attrs="read-write",
        )

    async def open(self) -> None:
        """Connect. Raises `StorageError`."""
        with translated():
            await self._pool

    async def close(self) -> None:
        """Wait for the transactions that run, up to `PATIENCE`, and close."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._pool.close()
        except (*FAILURES, asyncio.CancelledError):
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, lease: Lease | None) -> AsyncIterator[PostgresTransaction]:
        """What `Storage.transaction` promises of writing."""
        patience = self._patience if lease is None else LONG_PATIENCE
        connection = await self._begin(BEGIN)
        db = PostgresConnection(connection, patience)
        tx = PostgresTransaction(db)
        try:
            if lease is not None:
                await tx.require(lease)
            yield tx
        except BaseException:
            db.close()
            await asyncio.shield(self._endings.start(self._roll_back(connection, db)))
            raise
        db.close()
        # If this is cancelled, the commit still takes place, and is still told.
        await asyncio.shield(self._endings.start(self._commit(connection, db, tx.changes)))

    @asynccontextmanager
    async def reading(self, *, single: bool) -> AsyncIterator[PostgresTransaction]:
        """What `Storage.transaction` promises of reading."""
        async with self.connection(single=single) as db:
            yield PostgresTransaction(db)

    @asynccontextmanager
    async def connection(self, *, single: bool) -> AsyncIterator[PostgresConnection]:
        """A connection that reads; `single` statements need no transaction around them."""
        single = single and not self._pooled
        connection = await (self._acquire() if single else self._begin(BEGIN_READING))
        db = PostgresConnection(connection, self._patience, single=single)
        try:
            yield db
        finally:
            db.close()
            # Nobody has to wait for this.
            self._endings.start(self._roll_back(connection, db))

    async def fetch(self, sql: str) -> Row:
        """The first row of a statement that reads."""
        async with self.connection(single=True) as db:
            return (await db.fetch(sql))[0]

    async def _acquire(self) -> Any:
        with translated():
            try:
                return await self._pool.acquire(timeout=PATIENCE)
            except TimeoutError:
                raise StorageError("no connection to Postgres became free in time") from None

    async def _begin(self, statement: str) -> Any:
        """A connection with a transaction; both steps together have `PATIENCE`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        connection = await self._acquire()
        try:
            with translated():
                await connection.execute(statement, timeout=max(0.1, deadline - loop.time()))
        except BaseException:
            # It may be inside a transaction or not, or not answer at all.
            await asyncio.shield(self._endings.start(self._throw_away(connection)))
            raise
        return connection

    async def _commit(
        self, connection: Any, db: PostgresConnection, changes: Sequence[Change]
    ) -> None:
        text = f"{self._announce(changes)}; COMMIT" if changes else "COMMIT"
        try:
            # To commit what has failed is to roll back, and Postgres calls that no error.
            done = await connection.execute(text, timeout=PATIENCE)
            if done != "COMMIT":
                raise StorageError("Postgres rolled the transaction back")
        except (*FAILURES, StorageError) as error:
            await self._roll_back(connection, db)
            raise (error if isinstance(error, StorageError) else translate(error)) from error
        try:
            self._tell(changes)
        finally:
            await self._pool.release(connection)

    async def _roll_back(self, connection: Any, db: PostgresConnection) -> None:
        if db.broken:
            await self._throw_away(connection)
            return
        try:
            # A connection that the database has closed is no longer the pool's, and says nothing.
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=PATIENCE)
        except FAILURES:
            await self._throw_away(connection)
        else:
            await self._pool.release(connection)

    async def _throw_away(self, connection: Any) -> None:
        """Close without a word: whoever does not answer would not answer a goodbye either."""
        with contextlib.suppress(*FAILURES):
            connection.terminate()
        await self._pool.release(connection)


async def _keep_as_it_is(connection: Any) -> None:
    """In the place of the pool's reset, a round trip for each transaction: nothing is left behind
    on a connection that outlives its transaction."""
