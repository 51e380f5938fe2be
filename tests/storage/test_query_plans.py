"""No list and no look-up reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.statements import composed_lists, constants

WHOLE = {
    "records.SELECT_KEYS",  # a handful of rows, all of them wanted
    "records.SELECT_LAST_EVENTS",  # from the end of the table, as far as the limit
    "users.COUNT",  # beginnings of the composed ones, which are tested as such
    "environments.SEEN",
    "environments.GRANTED",
    "environments.STANDINGS",
    "grants.LIST",
    "grants.COUNT",
    "api_keys.LIST",
    "api_keys.COUNT",
}

SUBQUERIES = {"SCAN first_grants"}
"""Not tables: rows that the statement has found already, by the steps before it."""


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    SqliteStorage(database).migrate(own_folders())
    with closing(sqlite3.connect(database)) as connection:
        yield connection


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    """SQLite's plan, one line a step."""
    numbers = dict.fromkeys(re.findall(r"\$(\d+)", statement), "1")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", numbers)]


@pytest.mark.parametrize("name", sorted(set(constants()) - WHOLE))
def test_a_statement_finds_its_rows_by_an_index(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, constants()[name])

    assert [step for step in steps if scans(step)] == []


async def test_every_list_is_walked_in_the_order_of_an_index(
    connection: sqlite3.Connection,
) -> None:
    lists = await composed_lists()

    bad = {sql: steps for sql in lists if slow(sql, steps := plan(connection, sql))}

    assert len(lists) > 50
    assert bad == {}


def scans(step: str) -> bool:
    """True for a walk over a whole table; one along an index stops at the limit.

    A search walks an index that holds all that is compared, and reads a row only once it is found.
    """
    return step.startswith("SCAN") and " INDEX " not in step and step not in SUBQUERIES


def slow(sql: str, steps: list[str]) -> bool:
    """True also for a sort of all that was found, unless its ids are named: a thousand at most."""
    named = re.search(r"environment(s\.|_)id IN \((\$|NULL)", sql)
    sorts = not named and any("TEMP B-TREE" in step for step in steps)
    return sorts or any(map(scans, steps))
