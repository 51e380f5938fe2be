"""`agentbox doctor` asks the server what it does with what is written."""

from __future__ import annotations

import psycopg
import pytest

from agentbox_postgres import findings as module
from agentbox_postgres.storage import PostgresStorage
from tests.postgres import Postgres


def verdicts(dsn: str) -> dict[tuple[str, str], str]:
    """What is found, by what it is about and how it is judged."""
    found = PostgresStorage(dsn).examine(connect=True)
    assert all(finding.remedy or finding.verdict == "ok" for finding in found)
    return {(finding.about, finding.verdict): finding.detail for finding in found}


def test_a_server_that_keeps_its_word(durable: Postgres) -> None:
    found = verdicts(durable.dsn())

    assert set(found) == {("versions.postgres", "ok"), ("database.durability", "ok")}
    assert "Postgres 1" in found["versions.postgres", "ok"]


def test_a_server_that_may_lose_what_it_was_given(postgres: Postgres, fresh_dsn: str) -> None:
    # ST-01: the servers of the tests have no fsync
    assert off(fresh_dsn) == ["fsync"]

    with psycopg.connect(fresh_dsn, autocommit=True) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert off(fresh_dsn) == ["fsync", "synchronous_commit"]

    postgres.run("ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
    try:
        while "full_page_writes" not in off(fresh_dsn):
            pass  # the server reads its settings in its own time
    finally:
        postgres.run("ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()")


def off(dsn: str) -> list[str]:
    """What is switched off that should not be."""
    found = PostgresStorage(dsn).examine(connect=True)
    return [finding.detail.split()[0] for finding in found if finding.verdict == "problem"]


def test_a_server_that_is_too_old(durable: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", 990000)

    assert ("versions.postgres", "problem") in verdicts(durable.dsn())


def test_a_server_that_is_not_there_or_not_to_be_asked(durable: Postgres) -> None:
    assert verdicts("postgresql:///agentbox?host=/missing") == {}
    assert not PostgresStorage(durable.dsn()).examine(connect=False)
