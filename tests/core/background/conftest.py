"""Schedulers that look only when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentbox.core.background.scheduler import Scheduler
from agentbox.core.counters import Counters
from agentbox.plugin.job import Job
from agentbox.plugin.storage import Storage
from tests.backend import Database
from tests.core.background.jobs import Make
from tests.core.world import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
async def second(database: Database, storage: Storage) -> AsyncIterator[Storage]:
    """The same database, opened once more."""
    opened = database.storage()
    async with opened.open():
        yield opened


@pytest.fixture
async def scheduler(
    storage: Storage, clock: ManualClock, counters: Counters
) -> AsyncIterator[Make]:
    """Schedulers with the rows of their jobs, that look only when told to."""
    made: list[Scheduler] = []

    async def make(*jobs: Job) -> Scheduler:
        async with storage.transaction() as tx:
            for job in jobs:
                await tx.jobs.ensure(job.name, clock.now() + job.interval)
        made.append(Scheduler(jobs, storage, clock, counters))
        return made[-1]

    yield make
    for one in made:
        await one.stop(timeout=0.05)
