"""Kill a migration at one statement after the other: `dying.py DSN up|down STEP`.

Each is a forked process, killed just before its n-th statement; then the migration is run again in
whole. Prints how many were killed and how many of them came right.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import psycopg

from agentbox.plugin.migrations import migrate
from agentbox.plugin.migrations import runner as loaded_before_the_fork
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.schema import PostgresTarget
from agentbox_postgres.storage import PostgresStorage

assert loaded_before_the_fork


class DyingTarget(PostgresTarget):
    """Kills its process before the n-th statement."""

    def __init__(self, dsn: str, last: int) -> None:
        super().__init__(dsn)
        self.left = last

    def prepare(self, connection: Any) -> None:
        target = self

        class Counting(psycopg.Cursor[Any]):
            def execute(self, *arguments: Any, **options: Any) -> Any:
                if target.left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                target.left -= 1
                return super().execute(*arguments, **options)

        connection.cursor_factory = Counting
        super().prepare(connection)


def run_and_die(dsn: str, last: int, down_to: str | None) -> bool:
    """True if the migration was killed, False if it had no more statements."""
    child = os.fork()
    if child == 0:
        migrate(DyingTarget(dsn, last), own_folders(), down_to=down_to)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def comes_right(storage: PostgresStorage, down_to: str | None) -> bool:
    """Whether running it again makes the schema what it should be."""
    storage.migrate(own_folders(), down_to=down_to)
    status = storage.schema_status(own_folders())
    return status.current if down_to is None else not status.applied


def main(dsn: str, direction: str, step: int) -> None:
    down_to = None if direction == "up" else ""
    storage = PostgresStorage(dsn)
    kills = survived = 0
    while True:
        storage.migrate(own_folders(), down_to="" if down_to is None else None)
        if not run_and_die(dsn, kills * step, down_to):
            break
        kills += 1
        survived += comes_right(storage, down_to)
    print(kills, survived)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
