"""Kill a migration at one statement after the other: `migrating.py FOLDER up|down STEP`.

Each is a forked process on a database of its own, killed just before its n-th statement; then the
migration is run again in whole. Prints how many were killed and how many of them came right.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from agentbox.plugin.migrations import migrate
from agentbox.plugin.migrations import runner as loaded_before_the_fork
from agentbox_sqlite.schema import SqliteTarget, own_folders
from agentbox_sqlite.storage import SqliteStorage

assert loaded_before_the_fork


class DyingTarget(SqliteTarget):
    """Kills its process before the n-th statement."""

    def __init__(self, path: Path, last: int) -> None:
        super().__init__(path)
        self._left = last

    def prepare(self, connection: Any) -> None:
        connection.set_trace_callback(self._count)
        super().prepare(connection)

    def _count(self, statement: str) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def run_and_die(path: Path, last: int, down_to: str | None) -> bool:
    """True if the migration was killed, False if it had no more statements."""
    child = os.fork()
    if child == 0:
        migrate(DyingTarget(path, last), own_folders(), down_to=down_to)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def comes_right(path: Path, down_to: str | None) -> bool:
    """Whether running it again makes the schema what it should be."""
    storage = SqliteStorage(path)
    storage.migrate(own_folders(), down_to=down_to)
    status = storage.schema_status(own_folders())
    return status.current if down_to is None else not status.applied


def main(folder: Path, direction: str, step: int) -> None:
    down_to = None if direction == "up" else ""
    kills = survived = 0
    while True:
        path = folder / f"{kills}.db"
        if down_to is not None:
            SqliteStorage(path).migrate(own_folders())
        if not run_and_die(path, kills * step, down_to):
            break
        kills += 1
        survived += comes_right(path, down_to)
    print(kills, survived)


main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
