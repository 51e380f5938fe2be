"""kill -9 at any moment: nothing acknowledged is lost, and nothing is there by halves."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page
from tests.scale import SCALE, scaled
from tests.storage.database import open_sqlite
from tests.storage.processes import HERE, WriterProcess


async def test_no_acknowledged_write_is_lost_to_kill_9(database: Path) -> None:
    # ST-01 on SQLite, for kill -9
    acknowledged: list[str] = []
    for number in range(scaled(10)):
        writer = WriterProcess(database, f"round{number}")
        writer.wait_for(1 + number * 7 % 40)
        writer.kill()
        acknowledged += writer.acknowledged

    async with open_sqlite(database) as storage, storage.transaction(read_only=True) as tx:
        found = {user.id for user in await tx.users.list(UserFilter(), Page(1_000_000))}
    assert len(acknowledged) >= scaled(10)
    assert set(acknowledged) - found == set()
    assert integrity(database) == ["ok"]


async def test_a_kill_leaves_all_of_a_transaction_or_nothing(database: Path) -> None:
    # ST-02 on SQLite
    for number in range(scaled(3)):
        writer = WriterProcess(database, f"round{number}")
        writer.wait_for(20)
        writer.kill()

    with closing(sqlite3.connect(database)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("users", "passwords", "sessions", "audit")
        ]
    assert counts == [counts[0]] * 4
    assert counts[0] >= scaled(3) * 20


async def test_a_kill_at_any_moment_of_the_start_leaves_a_database_that_starts(
    tmp_path: Path,
) -> None:
    # ST-06, with the next test
    moments = random.Random(7)
    for number in range(scaled(5)):
        database = tmp_path / f"start{number}.db"
        writer = WriterProcess(database, "first")
        time.sleep(moments.uniform(0.05, 0.6))
        writer.kill()

        async with open_sqlite(database) as storage, storage.transaction(read_only=True) as tx:
            for id_ in writer.acknowledged:
                assert await tx.users.get(id_) is not None
        assert integrity(database) == ["ok"]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_migration_goes_on_after_a_kill_at_any_statement(tmp_path: Path, direction: str) -> None:
    # ST-06 on SQLite: kill -9 at each statement, then the next run finishes
    step = "3" if SCALE == 1 else "1"
    command = [sys.executable, str(HERE / "migrating.py"), str(tmp_path), direction, step]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    kills, survived = map(int, done.stdout.split())
    assert kills == survived
    assert kills > 20


def integrity(database: Path) -> list[str]:
    """What SQLite says of its own file."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("PRAGMA integrity_check")]
