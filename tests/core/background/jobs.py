"""Jobs that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from agentbox.core.background.jobs import Jobs, JobView
from agentbox.core.background.scheduler import Scheduler
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.jobs import JobState
from agentbox.model.principal import Operator
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.storage import Storage
from tests.core.world import ManualClock

MINUTE = timedelta(minutes=1)
PLACE = "https://a.example"

Make = Callable[..., Awaitable[Scheduler]]


class Work(Job):
    """Does what it is told, and notes that it ran."""

    name = "work"
    interval = MINUTE
    timeout = timedelta(seconds=20)

    def __init__(self, do: Callable[[JobRun], Awaitable[None]] | None = None) -> None:
        self.do = do
        self.runs: list[datetime] = []

    async def run(self, run: JobRun) -> None:
        self.runs.append(run.due)
        if self.do is not None:
            await self.do(run)


class Other(Work):
    name = "other"


class EachHalfMinute(Work):
    interval = None
    cron = "*/30 * * * * *"


class Careful(Work):
    run_missed = True


class Spread(Work):
    jitter = timedelta(seconds=20)


class Impatient(Work):
    timeout = timedelta(milliseconds=10)


async def settle(one: Scheduler) -> None:
    """Until what is running has ended."""
    await asyncio.gather(*one._running.values())


async def row(storage: Storage, name: str = "work") -> JobState:
    async with storage.transaction(read_only=True) as tx:
        state = await tx.jobs.get(name)
    assert state is not None
    return state


async def hang(_: JobRun) -> None:
    await asyncio.Event().wait()


async def told(storage: Storage, clock: ManualClock, *jobs: Work) -> dict[str, JobView]:
    """What there is to tell; changes are not asked for here."""
    nothing: Any = None
    listing = Jobs(
        jobs,
        here=dict,
        place=PLACE,
        storage=storage,
        changes=nothing,
        clock=clock,
        scopes=ScopeTable(()),
    )
    return {view.name: view for view in await listing.list(Operator())}
