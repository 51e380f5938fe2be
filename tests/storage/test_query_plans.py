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
from tests.storage.plans import plan, scans, slow
from tests.storage.statements import (
    composed_charts,
    composed_counts,
    composed_lists,
    composed_lookups,
    constants,
)

WHOLE = {
    "records.SELECT_JOBS",  # a dozen rows, all of them wanted
    "records.SELECT_KEYS",  # a handful of rows, all of them wanted
    "records.PURGE_KEYS",  # of a handful of rows
    "levels.SELECT_MARKS",  # three rows
    "audit.SELECT_LAST",  # from the end of the table, as far as the limit
    "audit.LIST",  # beginnings of the composed ones, which are tested as such
    "users.COUNT",
    "environments.SEEN",
    "environments.GRANTED",
    "environments.STANDINGS",
    "grants.LIST",
    "grants.COUNT",
    "api_keys.LIST",
    "api_keys.ISSUED",
    "sessions.WITH_USERS",
    "api_keys.COUNT",
}


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    SqliteStorage(database).migrate(own_folders())
    with closing(sqlite3.connect(database)) as connection:
        yield connection


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


async def test_every_look_up_of_ids_finds_its_rows_by_an_index(
    connection: sqlite3.Connection,
) -> None:
    lookups = await composed_lookups()

    bad = {sql: steps for sql in lookups if any(map(scans, steps := plan(connection, sql)))}

    assert len(lookups) > 5
    assert bad == {}


async def test_every_chart_reads_its_series_from_its_start_to_its_end(
    connection: sqlite3.Connection,
) -> None:
    steps = [step for sql in await composed_charts() for step in plan(connection, sql)]

    of_rows = {step for step in steps if re.search(r"metric_(raw|minutes|hours|days)", step)}
    assert len(of_rows) == 4
    assert all(step.endswith("PRIMARY KEY (series_id=? AND at>? AND at<?)") for step in of_rows)
    assert not any("SCAN metric" in step for step in steps)


async def test_every_count_of_people_and_environments_walks_an_index(
    connection: sqlite3.Connection,
) -> None:
    counts = [sql for sql in await composed_counts() if "FROM api_keys" not in sql]

    bad = {sql: steps for sql in counts if slow(sql, steps := plan(connection, sql))}

    assert len(counts) > 50
    assert bad == {}


async def test_a_count_reads_whole_rows_only_by_their_ids(connection: sqlite3.Connection) -> None:
    """What is walked is an index that holds everything that is compared."""
    counts = [sql for sql in await composed_counts() if "FROM api_keys" not in sql]
    steps = {step for sql in counts for step in plan(connection, sql)}

    read = {step for step in steps if " INDEX " in step and " COVERING " not in step}
    assert read == {"SEARCH environments USING INDEX sqlite_autoindex_environments_1 (id=?)"}


async def test_grants_of_the_labelled_are_looked_up_in_the_order_of_the_labels(
    connection: sqlite3.Connection,
) -> None:
    joined = [sql for sql in await composed_counts() if "CROSS JOIN grants" in sql]
    last = {plan(connection, sql)[-1] for sql in joined}

    assert last == {
        "SEARCH grants USING COVERING INDEX grants_seen"
        " (user_id=? AND environment_created_at=? AND environment_id=?)"
    }
