"""What is looked at before a server begins to work on a database."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any, Final

import asyncpg

from agentbox.errors import StorageError
from agentbox_postgres.connection import FAILURES, translated
from agentbox_postgres.pool import Pool

OLDEST: Final = 130000
"""Postgres 13. What is older gets no security fixes any more."""

FACTS = (
    "SELECT current_setting('server_version_num'), current_setting('server_encoding'),"
    " current_setting('synchronous_commit'), to_regclass('agentbox_migrations') IS NOT NULL"
)


async def require_fit(pool: Pool) -> None:
    """Raises `StorageError` for a server that would lose or garble what is written to it."""
    version, encoding, commit, migrated = await pool.fetch(FACTS)
    if int(version) < OLDEST:
        raise StorageError(f"Postgres {int(version) // 10000} is too old; 13 is needed.")
    if encoding != "UTF8":
        raise StorageError(f"The database's encoding is {encoding}; UTF8 is needed.")
    if commit == "off":
        raise StorageError(
            "synchronous_commit is off, so that a crash loses what was said to be done. Run: "
            "ALTER ROLE … SET synchronous_commit = on"
        )
    if not migrated:
        raise StorageError("The database has no tables; `agentbox migrate up` makes them.")


async def require_sessions(dsn: str) -> None:
    """Whether connections to `dsn` are sessions of their own, as locks and notices need.

    A pooler in transaction mode gives one lock to two clients. Raises `StorageError` then.
    """
    key = secrets.randbits(62)
    first = await _connect(dsn)
    try:
        second = await _connect(dsn)
        try:
            if await _lock(first, key) and await _lock(second, key):
                raise StorageError(
                    "there is a pooler in transaction mode between here and the database, where "
                    "locks and notices don't work. Set [plugins.postgres] direct_dsn to the "
                    "database itself"
                )
        finally:
            await _unlock(second, key)
    finally:
        await _unlock(first, key)


async def _connect(dsn: str) -> Any:
    with translated():
        return await asyncpg.connect(dsn, timeout=5.0, statement_cache_size=0)


async def _lock(connection: Any, key: int) -> bool:
    with translated():
        return bool(await connection.fetchval(f"SELECT pg_try_advisory_lock({key})", timeout=5.0))


async def _unlock(connection: Any, key: int) -> None:
    """Give it back before closing: a pooler would keep it on the connection behind."""
    with contextlib.suppress(*FAILURES):
        await connection.fetchval(f"SELECT pg_advisory_unlock({key})", timeout=5.0)
    connection.terminate()
