"""A process that writes until it is killed: `writing.py DATABASE NAME`.

It migrates, opens the database as a server does, and adds users with password, session and audit
row, several at a time. It prints a user's id after the commit.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from agentbox.testing.samples import a_password, a_session, a_user, an_event
from agentbox_sqlite import upkeep
from agentbox_sqlite.schema import own_folders
from agentbox_sqlite.storage import SqliteStorage

TASKS = 4


async def write(storage: SqliteStorage, name: str, numbers: itertools.count[int]) -> None:
    while True:
        id_ = f"{name}-{next(numbers)}"
        async with storage.transaction() as tx:
            await tx.users.add(a_user(id_))
            await tx.passwords.put(a_password(id_))
            await tx.sessions.add(a_session(f"session-of-{id_}", user_id=id_))
            await tx.audit.add(an_event(f"event-of-{id_}"))
        print(id_, flush=True)


async def main(database: str, name: str) -> None:
    # Checkpoints come all the time, so that kills hit them too.
    upkeep.WAL_LIMIT, upkeep.INTERVAL = 1, 0.01
    storage = SqliteStorage(Path(database))
    storage.migrate(own_folders())
    numbers = itertools.count()
    async with storage.open(), asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(write(storage, name, numbers))


asyncio.run(main(*sys.argv[1:]))
