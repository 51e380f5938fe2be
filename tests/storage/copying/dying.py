"""Copy, and be killed on the way: `dying.py SOURCE DSN STEP NUMBER`.

STEP is a method of the target's tables, or `commit`; the process is killed when it is called for
the NUMBER-th time, or after it for `commit`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from agentbox.core.copying import copying
from agentbox.plugin.storage import Storage
from agentbox_postgres.copying.tables import PostgresWritableTables
from agentbox_postgres.storage import PostgresStorage
from agentbox_sqlite.storage import SqliteStorage
from agentbox_sqlite.tables import SqliteWritableTables


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def die_in(kind: Any, step: str, number: int) -> None:
    plain, calls = getattr(kind, step), 0

    async def dying(*values: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            die()
        await plain(*values, **more)

    setattr(kind, step, dying)


async def main(source: str, dsn: str, step: str, number: str) -> None:
    is_file = dsn.startswith("/")
    target: Storage = SqliteStorage(Path(dsn)) if is_file else PostgresStorage(dsn)
    if step == "commit":
        copying._Run.compared = lambda *_: die()  # type: ignore[assignment, method-assign]
    else:
        kind = SqliteWritableTables if is_file else PostgresWritableTables
        die_in(kind, step, int(number))
    await copying.copy(SqliteStorage(Path(source)), target, lambda *_: None, force=False)


asyncio.run(main(*sys.argv[1:]))
