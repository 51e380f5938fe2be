"""Notices of changes between processes: what is sent, and who listens."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from agentbox.errors import StorageError
from agentbox.plugin import Services
from agentbox.plugin.storage import ALL_CHANGED, Change
from agentbox_postgres.connection import FAILURES, translated
from agentbox_postgres.pool import Pool, Tell

CHANNEL: Final = "agentbox_changes"

MOST_BYTES: Final = 7000
"""A notice has less than 8000; what does not fit is told as "everything"."""

LISTENER: Final = "agentbox notices"
"""What the connection that listens is called in `pg_stat_activity`."""

LOOK_EVERY: Final = 0.4
"""Seconds between two looks whether the connection still answers, and that it has to answer. One
that was closed is noticed at once; this is for packets that go nowhere."""

HEAR_WITHIN: Final = 5.0
"""Seconds that the first notice of its own may take."""

DOUBT_FOR: Final = 600.0
"""Seconds after a commit without an answer in which it is taken to be possible still."""

LOOK = "SELECT current_setting('transaction_read_only')"

FORGET_EVERY: Final = 0.1
"""Seconds for which something is remembered as long as nothing is heard, and between attempts to
connect."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """Who changed what, and when, in microseconds of the database's time."""

    sender: str
    sent_at: int
    changes: tuple[Change, ...]


class Notices:
    """What this process announces, and hears of the others."""

    def __init__(self, dsn: str, services: Services | None, tell: Tell) -> None:
        self._dsn = dsn
        self._services = services
        self._tell = tell
        self._me = os.urandom(9).hex()
        self._own = asyncio.Event()
        self._doubtful_until = 0.0

    def announcement(self, changes: Sequence[Change]) -> str:
        """The statement that tells others of `changes` once its transaction is committed."""
        payload = msgspec.json.encode(Notice(self._me, self._now(), tuple(changes)))
        if len(payload) > MOST_BYTES:
            payload = msgspec.json.encode(Notice(self._me, self._now(), (ALL_CHANGED,)))
        return f"NOTIFY {CHANNEL}, '{payload.decode().replace(chr(39), chr(39) * 2)}'"

    def doubt(self) -> None:
        """A commit of ours was given up on, and may take place yet: then its notice is the first
        that is known of it, and is told here too."""
        self._doubtful_until = asyncio.get_running_loop().time() + DOUBT_FOR

    @asynccontextmanager
    async def heard(self, pool: Pool) -> AsyncIterator[None]:
        """Listen until the block ends.

        Raises `StorageError` unless a notice sent through `pool` arrives: then the two addresses
        lead to different databases, or there is a pooler between here and the direct one.
        """
        connection = await self._connected()
        task = asyncio.create_task(self._keep_listening(connection), name="postgres notices")
        try:
            await self._require_hearing(pool)
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _require_hearing(self, pool: Pool) -> None:
        async with pool.transaction(None) as tx:
            tx.changed(Change("all"))
        try:
            async with asyncio.timeout(HEAR_WITHIN):
                await self._own.wait()
        except TimeoutError:
            raise StorageError(
                "a notice sent through [plugins.postgres] dsn did not arrive at direct_dsn: they "
                "are different databases, or direct_dsn goes through a pooler, which loses notices"
            ) from None

    async def _connected(self) -> Any:
        """A connection that listens."""
        with translated():
            connection = await asyncpg.connect(
                self._dsn,
                timeout=1.0,
                target_session_attrs="read-write",
                server_settings={"application_name": LISTENER},
            )
            try:
                async with asyncio.timeout(1.0):
                    await connection.add_listener(CHANNEL, self._on_notice)
            except BaseException:
                connection.terminate()
                raise
        return connection

    async def _keep_listening(self, connection: Any) -> None:
        """Connect anew whenever the connection fails; forget everything as long as it has.

        Whatever it fails with: a driver may raise anything about a connection that ends at the
        wrong moment, and a process that stopped listening would never be told.
        """
        try:
            while True:
                listening = asyncio.create_task(self._listen(connection))
                try:
                    await asyncio.wait({listening})
                finally:
                    listening.cancel()
                    connection.terminate()
                self._log_lost(listening)
                connection = await self._reconnected()
        finally:
            connection.terminate()

    async def _listen(self, connection: Any) -> None:
        """Ends when the connection does not answer any more."""
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        # What was told before it listened was not heard.
        self._tell((ALL_CHANGED,))
        with contextlib.suppress(*FAILURES):
            while not (closed.is_set() or connection.is_closed()):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await closed.wait()
                if await connection.fetchval(LOOK, timeout=LOOK_EVERY) == "on":
                    return  # changes are made at another server now

    async def _reconnected(self) -> Any:
        """A new connection, however long it takes; nothing is kept for long until there is one."""
        while True:
            attempt = asyncio.create_task(self._connected())
            try:
                while not attempt.done():
                    self._tell((ALL_CHANGED,))
                    await asyncio.wait({attempt}, timeout=FORGET_EVERY)
            finally:
                attempt.cancel()
            if not attempt.cancelled() and attempt.exception() is None:
                return attempt.result()
            self._tell((ALL_CHANGED,))
            await asyncio.sleep(FORGET_EVERY)

    def _on_notice(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            notice = msgspec.json.decode(str(payload), type=Notice)
        except msgspec.MsgspecError:
            # From another version, or from somebody at a prompt: something has changed.
            self._tell((ALL_CHANGED,))
            return
        if notice.sender == self._me:
            self._own.set()
            if asyncio.get_running_loop().time() < self._doubtful_until:
                self._tell(notice.changes)
            return
        if self._services is not None:
            late = (self._now() - notice.sent_at) / 1e6
            self._services.observe("revocation_lag_seconds", max(0.0, late))
        self._tell(notice.changes)

    def _now(self) -> int:
        return 0 if self._services is None else int(self._services.clock.now().timestamp() * 1e6)

    def _log_lost(self, listening: asyncio.Task[None]) -> None:
        if self._services is None:
            return
        error = None if listening.cancelled() else listening.exception()
        reason = {} if error is None else {"error": type(error).__name__}
        self._services.log.warning("postgres_notices_lost", **reason)
