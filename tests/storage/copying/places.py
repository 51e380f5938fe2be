"""Databases of both kinds with the same in them, and a plugin's tables beside ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from agentbox.core.copying import copying
from agentbox.core.copying.report import Report
from agentbox.model.api_keys import RateMark
from agentbox.model.audit import AuditPoint, AuditSeal
from agentbox.model.metrics import Level, Sample
from agentbox.model.throttles import Counter
from agentbox.plugin import MigrationFolder
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_grant,
    a_login_flow,
    a_password,
    a_password_reset,
    a_report,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
    an_environment,
    an_event,
    an_identity,
)
from agentbox.testing.storage.charts import CPU, START, USERS, roll_up
from agentbox.testing.storage.text import NASTY
from agentbox_postgres import descriptor as postgres
from agentbox_postgres.storage import PostgresStorage
from agentbox_sqlite import schema as sqlite
from agentbox_sqlite.storage import SqliteStorage

EARLIEST, LATEST = (datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) for year in (1, 9998))


class Place:
    """A database with its schema, and a way to it beside the storage."""

    def __init__(self, storage: Storage, folders: Sequence[MigrationFolder]) -> None:
        self.storage = storage
        storage.migrate(folders)

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own; its rows. Placeholders are `?`."""
        raise NotImplementedError


class SqlitePlace(Place):
    """A file."""

    def __init__(self, path: Path, *more: MigrationFolder) -> None:
        self.path = path
        super().__init__(SqliteStorage(path), [*sqlite.own_folders(), *more])

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(sql, values).fetchall()


class PostgresPlace(Place):
    """A database of the tests' server."""

    def __init__(self, dsn: str, *more: MigrationFolder) -> None:
        self.dsn = dsn
        super().__init__(PostgresStorage(dsn), [*postgres.own_folders(), *more])

    def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            cursor = connection.execute(sql.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []


def plugin_folder(folder: Path, backend: str, *statements: str) -> MigrationFolder:
    """A folder with one migration of the plugin `notes`."""
    path = folder / f"notes-{backend}"
    path.mkdir()
    name = f"notes-{backend}-0001-initial"
    (path / f"{name}.sql").write_text(";\n".join(statements) + ";\n")
    (path / f"{name}.rollback.sql").write_text("SELECT 1;\n")
    return MigrationFolder(plugin="notes", path=path)


async def fill(storage: Storage) -> None:
    """Something in every table of ours, with what databases like to change."""
    async with storage.open(brief=True), storage.transaction() as tx:
        for name, text in NASTY.items():
            await tx.users.add(a_user(f"user {name} {text[:100]}", username=f"{name}{text}"))
        await tx.users.add(a_user(created_at=EARLIEST, last_login=LATEST, email="a@example.org"))
        await tx.users.add(a_user("user-2", email_verified=True, updated_at=NOON + TICK))
        await tx.passwords.put(a_password())
        await tx.password_resets.put(a_password_reset())
        await tx.sessions.add(a_session(user_agent=NASTY["astral"]))
        await tx.sessions.add(a_session("session-2", nonce=None, generation=2**63 - 1))
        await tx.login_flows.add(a_login_flow())
        await tx.identities.add(an_identity(email=None))
        for number, text in enumerate(NASTY.values()):
            key = an_api_key(f"key-{number}", name=text, scopes=(text, "b"), last_used=NOON)
            await tx.api_keys.add(key, a_digest(f"{number}") + bytes([number]))
        await tx.api_key_usage.add({("key-1", NOON.replace(minute=0, second=0, microsecond=0)): 9})
        assert await tx.api_key_rates.put("key-1", [RateMark(NOON, 3), RateMark(NOON + TICK, 1)])
        environment = an_environment(labels={"a": NASTY["json"], NASTY["emoji"]: "b"})
        await tx.environments.add(environment)
        await tx.grants.add(a_grant())
        await tx.reports.put(a_report(sandboxes=None))
        await tx.metrics.put(START, [Sample(CPU, 0.1, environment.id), Sample(USERS, 2.0)])
        await tx.metrics.add(START, [Sample("host_cpu", 7.0), Sample("host_cpu", 1e-200)])
        for level in (Level.MINUTE, Level.HOUR, Level.DAY):
            await roll_up(tx, level)
        await tx.signing_keys.add(a_signing_key())
        for number, text in enumerate(NASTY.values()):
            await tx.audit.add(an_event(f"event-{number}", details={"value": text, text: True}))
        await tx.audit.add_seals([AuditSeal(1, bytes(range(32)))])
        await tx.audit.put_point(AuditPoint("head", 1, b"\0" * 32, b"\xff" * 32))
        await tx.jobs.ensure("job", NOON)
        await tx.markers.claim("root_secret", "sealed here")
        await tx.throttles.reserve(Counter("pair", "name", "::1"), NOON, NOON + HOUR)
        await tx.throttles.note_success("name", "::1", NOON)


def silently(what: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


async def copied(source: Place, target: Place, *, force: bool = False) -> Report:
    """A copy, which must be one."""
    report = await copying.copy(source.storage, target.storage, silently, force=force)
    assert report.alike
    assert (await copying.compare(source.storage, target.storage, silently)).alike
    return report


def changes(report: Report) -> dict[str, tuple[int, int]]:
    """Tables that were written to: how many rows written and deleted."""
    return {
        table.name: (table.written, table.deleted)
        for table in report.tables
        if table.written or table.deleted
    }
