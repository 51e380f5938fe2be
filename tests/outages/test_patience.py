"""Waiting is what costs patience; work that goes on does not."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from agentbox.errors import StorageError
from agentbox_postgres.connection import PostgresConnection
from agentbox_postgres.patience import LONG, REQUEST, TO_COMMIT, Patience
from agentbox_postgres.pool import Door
from tests.postgres import Postgres

SLEEP = "SELECT pg_sleep($1)"


@pytest.fixture
async def connection(fresh_dsn: str) -> AsyncIterator[Any]:
    """A connection to an empty database."""
    connection = await asyncpg.connect(fresh_dsn)
    yield connection
    await connection.close()


async def test_what_a_transaction_waits_adds_up(connection: Any) -> None:
    # ST-08: within 2 s, however many steps it takes
    db = PostgresConnection(connection, Patience(0.5, at_once=0.05))
    await db.fetch(SLEEP, 0.3)

    begun = time.monotonic()
    with pytest.raises(StorageError, match="did not answer in time"):
        await db.fetch(SLEEP, 5.0)
    assert time.monotonic() - begun < 0.5
    assert db.broken


async def test_many_quick_statements_may_take_longer_together(connection: Any) -> None:
    db = PostgresConnection(connection, Patience(0.5, at_once=0.25))
    begun = time.monotonic()
    for _ in range(12):
        await db.fetch(SLEEP, 0.05)
    assert time.monotonic() - begun > 0.5


async def test_many_rows_may_take_longer_together(connection: Any) -> None:
    db = PostgresConnection(connection, Patience(0.8, at_once=0.4))
    begun = time.monotonic()
    await db.run_many(SLEEP, [(0.001,)] * 900)
    assert time.monotonic() - begun > 0.8


def test_a_job_has_its_patience_for_every_step() -> None:
    patience = Patience.long()
    for _ in range(100):
        with patience.spent() as seconds:
            assert seconds == LONG


def test_a_commit_has_a_moment_even_when_all_patience_is_gone() -> None:
    patience = Patience(0.0)
    assert patience.to_commit == TO_COMMIT
    assert REQUEST + TO_COMMIT < 2.0


async def test_nobody_tries_to_connect_just_after_it_failed(postgres: Postgres) -> None:
    # ST-08: a server that comes up is not flooded by those who wait for it
    door = Door()
    with pytest.raises(StorageError, match="does not exist"):
        await door.connect(postgres.dsn("missing"))
    logged = postgres.log.count('"missing"')
    for _ in range(20):
        with pytest.raises(StorageError, match="does not exist"):
            await door.connect(postgres.dsn("missing"))
    assert postgres.log.count('"missing"') <= logged + 1

    async def opened() -> bool:
        try:
            connection = await door.connect(postgres.dsn())
        except StorageError:
            return False
        await connection.close()
        return True

    begun = time.monotonic()
    while not await opened():
        assert time.monotonic() - begun < 5
