"""Every statement of the SQL kit is one that a real Postgres takes too."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from agentbox.plugin.migrations import SELECT_APPLIED, runner
from agentbox_postgres.descriptor import own_folders as postgres_folders
from agentbox_postgres.storage import PostgresStorage
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.postgres import absent
from tests.storage.statements import constants, every_statement

NAMES = ("id", "plugin", "sha256")


@pytest.fixture
async def connection(fresh_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with all tables."""
    PostgresStorage(fresh_dsn).migrate(postgres_folders())
    connection = await asyncpg.connect(fresh_dsn, statement_cache_size=0)
    yield connection
    await connection.close()


async def test_postgres_prepares_every_statement(connection: asyncpg.Connection) -> None:
    refused = {}
    for statement in sorted(every_statement()):
        try:
            async with connection.transaction():
                await connection.prepare(statement)
        except asyncpg.PostgresError as error:
            refused[statement] = str(error)

    assert refused == {}


async def test_postgres_keeps_the_book_of_migrations(connection: asyncpg.Connection) -> None:
    """As yoyo's backend binds it: values by name."""
    insert, delete = (
        re.sub(r":(id|plugin|sha256)", lambda name: f"${NAMES.index(name[1]) + 1}", text)
        for text in (runner.INSERT_ROW, runner.DELETE_ROW)
    )
    await connection.execute("DELETE FROM agentbox_migrations")
    for id_ in ("b", "a", "c"):
        await connection.execute(insert, id_, "plugin", "hash")
    await connection.execute(delete, "a")

    rows = [tuple(row) for row in await connection.fetch(SELECT_APPLIED)]
    assert rows == [("b", "plugin", "hash"), ("c", "plugin", "hash")]


async def test_both_databases_have_the_same_columns(
    connection: asyncpg.Connection, database: Path
) -> None:
    SqliteStorage(database).migrate(own_folders())
    with closing(sqlite3.connect(database)) as sqlite:
        ours = {
            (table, column)
            for (table,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not table.startswith(("_yoyo", "agentbox_migrations", "sqlite_"))
            for _, column, *_ in sqlite.execute(f"PRAGMA table_info({table})")
        }
    theirs = {
        (row["table_name"], row["column_name"])
        for row in await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name <> 'agentbox_migrations'"
            " AND table_name NOT LIKE '%yoyo%'"
        )
    }

    assert ours == theirs


def test_the_kit_has_statements_of_every_kind() -> None:
    assert {text.split()[0] for text in constants().values()} == {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
    }
    assert len(every_statement()) > 100


def test_no_statement_is_of_one_database_alone() -> None:
    forbidden = ("::", " ANY", "FOR UPDATE", "ILIKE", "?", "ROWID", "PRAGMA", "REPLACE INTO")

    assert [s for s in every_statement() for word in forbidden if word in s.upper()] == []


def test_no_postgres_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="none here"):
        absent("none here")


def test_no_postgres_is_a_named_skip_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="none here"):
        absent("none here")
