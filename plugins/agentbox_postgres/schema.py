"""Migrations of a Postgres database, by psycopg, which yoyo knows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from agentbox.errors import StorageError
from agentbox.plugin.migrations import SELECT_APPLIED, Applied, MigrationTarget

PATIENCE: Final = 60.0
"""Seconds that a migration waits for another one: of many first starts, one makes the schema."""

CONNECT_WITHIN: Final = 5

LOCK_KEY: Final = 0x6167656E74626F78  # "agentbox"

UNLOCK = f"SELECT pg_advisory_unlock({LOCK_KEY})"
TRY_LOCK = f"SELECT pg_try_advisory_lock({LOCK_KEY})"
# Also on the connection that migrates, should the one with the lock be lost.
# A table is waited for briefly and tried again: whoever waits for it holds up everybody behind, and
# requests of the servers that run meanwhile have 1.5 s.
BEGIN = (
    "BEGIN; SET LOCAL lock_timeout = '10s';"
    f" SELECT pg_advisory_xact_lock({LOCK_KEY} + 1);"
    " SET LOCAL lock_timeout = '500ms'"
)
IS_THERE = "SELECT to_regclass('agentbox_migrations') IS NOT NULL"


class PostgresTarget(MigrationTarget):
    """A Postgres database that can be migrated."""

    begin = BEGIN
    errors = (psycopg.Error,)

    def __init__(self, dsn: str) -> None:
        # Whole, so that libpq reads what only libpq knows, such as several hosts.
        self._dsn = _to_primary(dsn)
        self.url = f"postgresql+psycopg://?conninfo={quote(self._dsn, safe='')}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A lock of a session of its own: it goes with the connection."""
        deadline = time.monotonic() + PATIENCE
        with self._connected() as connection:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StorageError(f"The database's encoding is {encoding}; UTF8 is needed.")
            while not self._locked(connection):
                if time.monotonic() > deadline:
                    raise StorageError("Another process migrates this database; try again later.")
                time.sleep(0.05)
            try:
                yield
            finally:
                # A pooler in between would keep it on the connection behind.
                with contextlib.suppress(psycopg.Error):
                    connection.execute(UNLOCK)

    def applied(self) -> Sequence[Applied]:
        with self._connected() as connection:
            with _translated():
                there = connection.execute(IS_THERE).fetchone()
                rows = connection.execute(SELECT_APPLIED).fetchall() if there and there[0] else []
        return tuple(Applied(*row) for row in rows)

    def prepare(self, connection: Any) -> None:
        """Be silent about what is there already."""
        connection.execute("SET client_min_messages = warning")

    def is_busy(self, error: Exception) -> bool:
        """A table that was locked for longer than a migration waits."""
        return isinstance(error, psycopg.errors.LockNotAvailable)

    def verify(self, connection: Any) -> None:
        """Postgres has checked every reference by itself."""

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with _translated():
            connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=CONNECT_WITHIN)
        with connection:
            yield connection

    def _locked(self, connection: psycopg.Connection[Any]) -> bool:
        with _translated():
            row = connection.execute(TRY_LOCK).fetchone()
        return bool(row and row[0])


def _to_primary(dsn: str) -> str:
    """Of several hosts, the one that takes writes."""
    try:
        return make_conninfo(dsn, target_session_attrs="read-write")
    except psycopg.Error:
        return dsn  # whoever connects is told what is wrong with it


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        state = f" ({error.sqlstate})" if error.sqlstate else ""
        text = error.diag.message_primary or " ".join(str(error).split())
        if isinstance(error, psycopg.ProgrammingError) and not error.sqlstate:
            text = "the DSN can't be read"  # psycopg would quote it
        raise StorageError(f"Postgres: {text}{state}") from error
