"""A process with a scheduler and nothing else: `ticking.py DSN SECONDS_OF_A_LEASE INSIDE`.

Two jobs write to the audit: `tick` once each time, `long` for as long as it holds its job. A line
is printed when `long` has its job, has written, and has lost it. With INSIDE it stands still in
the middle of a transaction.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from typing import Any

from agentbox.core.background.scheduler import Scheduler
from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.model.audit import AuditEvent
from agentbox.model.ids import new_id
from agentbox.plugin.job import Job, JobRun
from agentbox_postgres.storage import PostgresStorage

CLOCK = DatabaseClock()


def say(*words: object) -> None:
    print(*words, flush=True)


def row(event: str, **details: Any) -> AuditEvent:
    return AuditEvent(
        id=new_id(),
        time=CLOCK.now(),
        event=event,
        actor="system",
        target=None,
        address=None,
        request_id=None,
        details={"pid": os.getpid(), **details},
    )


class Tick(Job):
    name = "tick"
    interval = timedelta(milliseconds=200)

    async def run(self, run: JobRun) -> None:
        async with run.transaction(last=True) as tx:
            await tx.audit.add(row("test.tick", due=run.due.isoformat()))


class Long(Job):
    name = "long"
    interval = timedelta(milliseconds=100)
    timeout = timedelta(minutes=10)

    def __init__(self, inside: bool) -> None:
        self.inside = inside

    async def run(self, run: Any) -> None:
        say("holds", run.lease.fence)
        try:
            while True:
                async with run.transaction() as tx:
                    await tx.audit.add(row("test.long", fence=run.lease.fence))
                    if self.inside:
                        say("wrote")
                        await asyncio.sleep(0.5)
                if not self.inside:
                    say("wrote")
                    await asyncio.sleep(0.5)
        except (StorageError, asyncio.CancelledError):
            say("lost", run.lease.fence)
            raise


async def main(dsn: str, lease: float, inside: bool) -> None:
    storage = PostgresStorage(dsn)
    async with storage.open():
        await CLOCK.synchronise(storage)
        scheduler = Scheduler(
            [Tick(), Long(inside)],
            storage,
            CLOCK,
            Counters(),
            poll=0.05,
            lease=timedelta(seconds=lease),
            renew_every=lease * 0.3,
        )
        await scheduler.start()
        say("started")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3] == "inside"))
