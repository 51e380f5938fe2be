"""Transactions on a pool of connections, each on one of them from beginning to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.plugin.sql import Endings, Row
from agentbox.plugin.storage import Change
from agentbox_postgres.connection import FAILURES, PostgresConnection, translate, translated
from agentbox_postgres.patience import REQUEST, Patience
from agentbox_postgres.transaction import PostgresTransaction

CLOSE_WITHIN: Final = 2.0
"""Seconds that transactions which run have to end when the pool is closed, and that a connection
which is thrown away has to call off what it asked for."""

# Whatever the database's defaults are: who has waited for a lock has to see what was committed
# meanwhile, and under REPEATABLE READ would see what there was before. Not READ WRITE, though: a
# server that was made read-only is to say so. A replica whose machine is gone must not keep its
# locks, and those of its transactions that wait for one must not get it, one after the other, for
# as long again.
BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    " SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL lock_timeout = "
)
BEGIN_HURRIED = f"{BEGIN}'2s'"
BEGIN_LONG = f"{BEGIN}'30s'"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

Announce = Callable[[Sequence[Change]], str]
Tell = Callable[[Sequence[Change]], None]

A_WAIT: Final = 0.001
"""Seconds; to be given a free connection takes less."""

CLOSED_FOR: Final = 0.1
"""Seconds after a failure to connect in which nobody else tries."""


class Door:
    """Makes connections. After one that failed, the next are refused at once for a moment.

    A server that comes up again is not flooded then by everybody who waits for it.
    """

    def __init__(self) -> None:
        self._closed_until = 0.0
        self._reason = ""

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        """As `asyncpg.connect`. Raises `StorageError`."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._closed_until:
            raise StorageError(self._reason)
        try:
            return await asyncpg.connect(*arguments, **options)
        except FAILURES as error:
            failure = translate(error)
            self._reason, self._closed_until = str(failure), loop.time() + CLOSED_FOR
            raise failure from error


class Pool:
    """At most `size` connections, made when they are needed and thrown away when they fail.

    `announce` gives the statement that tells other processes of changes, sent with the commit;
    `tell` hears of them after it. `waited` hears of the seconds that somebody waited for a
    connection. `doubt` is called where nobody knows whether a commit took place, or will. With
    `pooled` there is a pooler between here and the database: then nothing is kept on a connection,
    and everything runs in a transaction. `hurried`: a transaction without a lease has the patience
    of a request.
    """

    def __init__(
        self,
        dsn: str,
        size: int,
        *,
        pooled: bool,
        hurried: bool,
        announce: Announce,
        tell: Tell,
        doubt: Callable[[], None],
        waited: Callable[[float], None],
    ) -> None:
        self._doubt = doubt
        self._waited = waited
        self._pooled = pooled
        self._hurried = hurried
        self._announce = announce
        self._tell = tell
        self._endings = Endings()
        self._pool = asyncpg.create_pool(
            dsn,
            # None is kept open for its own sake: the pool would log its own attempts to.
            min_size=0,
            max_size=size,
            reset=_keep_as_it_is,
            timeout=REQUEST,
            connect=Door().connect,
            statement_cache_size=0 if pooled else 512,
            max_inactive_connection_lifetime=300.0,
            # A standby would take every read and no write.
            target_session_attrs="read-write",
        )

    async def open(self) -> None:
        """Be ready to connect."""
        with translated():
            await self._pool

    async def close(self) -> None:
        """Wait for the transactions that run, up to `CLOSE_WITHIN` seconds, and close."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._pool.close()
        except (*FAILURES, asyncio.CancelledError):
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, lease: Lease | None) -> AsyncIterator[PostgresTransaction]:
        """What `Storage.transaction` promises of writing."""
        hurried = self._hurried and lease is None
        patience = Patience() if hurried else Patience.long()
        connection = await self._begin(BEGIN_HURRIED if hurried else BEGIN_LONG, patience)
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
        commit = self._commit(connection, db, tx.changes, patience.to_commit)
        await asyncio.shield(self._endings.start(commit))

    @asynccontextmanager
    async def reading(self, *, single: bool) -> AsyncIterator[PostgresTransaction]:
        """What `Storage.transaction` promises of reading."""
        async with self.connection(single=single) as db:
            yield PostgresTransaction(db)

    @asynccontextmanager
    async def connection(self, *, single: bool) -> AsyncIterator[PostgresConnection]:
        """A connection that reads; `single` statements need no transaction around them."""
        single = single and not self._pooled
        patience = self._patience()
        connection = await (
            self._acquire(patience) if single else self._begin(BEGIN_READING, patience)
        )
        db = PostgresConnection(connection, patience, single=single)
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

    def _patience(self) -> Patience:
        return Patience() if self._hurried else Patience.long()

    async def _acquire(self, patience: Patience) -> Any:
        began = time.monotonic()
        with translated(), patience.spent(free=0) as seconds:
            try:
                return await self._pool.acquire(timeout=seconds)
            except TimeoutError:
                raise StorageError("no connection to Postgres became free in time") from None
            finally:
                if (spent := time.monotonic() - began) > A_WAIT:
                    self._waited(spent)

    async def _begin(self, statement: str, patience: Patience) -> Any:
        """A connection with a transaction."""
        connection = await self._acquire(patience)
        try:
            with translated(), patience.spent() as seconds:
                await connection.execute(statement, timeout=seconds)
        except BaseException:
            # It may be inside a transaction or not, or not answer at all.
            self._endings.start(self._throw_away(connection))
            raise
        return connection

    async def _commit(
        self, connection: Any, db: PostgresConnection, changes: Sequence[Change], seconds: float
    ) -> None:
        text = f"{self._announce(changes)}; COMMIT" if changes else "COMMIT"
        try:
            # To commit what has failed is to roll back, and Postgres calls that no error.
            done = await connection.execute(text, timeout=seconds)
        except FAILURES as error:
            # Nobody knows whether it took place: who asked is told that it failed, and what
            # depends on it is read again.
            self._endings.start(self._throw_away(connection))
            self._doubt()
            self._tell(changes)
            raise translate(error) from error
        if done != "COMMIT":
            await self._pool.release(connection)
            raise StorageError("Postgres rolled the transaction back")
        try:
            self._tell(changes)
        finally:
            await self._pool.release(connection)

    async def _roll_back(self, connection: Any, db: PostgresConnection) -> None:
        if db.demoted:
            # So are the others: each would take reads, and fail the next one who writes.
            await self._pool.expire_connections()
        if db.broken or _is_gone(connection):
            self._endings.start(self._throw_away(connection))
            return
        try:
            # A connection that the database has closed is no longer the pool's, and says nothing.
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=db.patience.to_commit)
        except FAILURES:
            self._endings.start(self._throw_away(connection))
        else:
            await self._pool.release(connection)

    async def _throw_away(self, connection: Any) -> None:
        """Close. What it asked for is called off first, or Postgres would go on with it, and a
        statement that waits for a lock would keep a place there for as long as it waits."""
        try:
            await connection.close(timeout=CLOSE_WITHIN)
        except (*FAILURES, asyncio.CancelledError):
            pass  # it is closed all the same, without a goodbye
        finally:
            await self._pool.release(connection)


def _is_gone(connection: Any) -> bool:
    """True of a closed connection. The pool takes one back as soon as it is lost."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _keep_as_it_is(connection: Any) -> None:
    """In the place of the pool's reset, a round trip for each transaction: nothing is left behind
    on a connection that outlives its transaction."""
