"""Migrations of a Postgres database that end in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scale import SCALE

SCRIPT = Path(__file__).with_name("dying.py")


# ST-06 on Postgres: kill -9 at each statement, then the next run finishes
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_migration_goes_on_after_a_kill_at_any_statement(fresh_dsn: str, direction: str) -> None:
    step = "17" if SCALE == 1 else "1"
    command = [sys.executable, str(SCRIPT), fresh_dsn, direction, step]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    kills, survived = map(int, done.stdout.split())
    assert kills == survived
    assert kills > 2
