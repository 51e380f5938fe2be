"""Jobs that every process runs for itself, by monotonic timers."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from agentbox.core.background.runs import OwnRun, perform
from agentbox.core.background.schedule import AHEAD, first_tick, next_tick
from agentbox.core.counters import Counters
from agentbox.model.jobs import JobState
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage


class Everywhere:
    """Runs each job at its times, never the same one twice at a time; no row and no lease.

    An interval is counted by the monotonic clock: a wall clock that is set to another time moves
    nothing. `states` tells of each job what its row would: when its run is due, and what became of
    the last one.
    """

    def __init__(
        self, jobs: Sequence[Job], storage: Storage, clock: Clock, counters: Counters
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._clock = clock
        self._counters = counters
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.states: dict[str, JobState] = {}

    def start(self) -> None:
        """Begin to count; the first run of a job comes at its first time."""
        self._tasks = {
            asyncio.create_task(self._repeat(job), name=f"agentbox-job-{job.name}")
            for job in self._jobs
        }

    async def stop(self, timeout: float) -> None:
        """Begin no run, wait for those that go on up to `timeout` seconds, then cancel them."""
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=timeout)

    async def _repeat(self, job: Job) -> None:
        timer = Timer(job, self._clock)
        while not self._stopping.is_set():
            wait = timer.wait()
            self._note(job, next_due=self._clock.now() + timedelta(seconds=wait))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stopping.wait()
                return
            await self._run(job)

    async def _run(self, job: Job) -> None:
        began = self._clock.now()
        self._note(job, last_started=began, lease_until=began + job.timeout)
        outcome = await perform(job, OwnRun(job, self._storage, began), self._counters, self._clock)
        self._note(job, lease_until=None, last_finished=self._clock.now(), last_outcome=outcome)

    def _note(self, job: Job, **values: object) -> None:
        known = self.states.get(job.name) or JobState(
            name=job.name, next_due=self._clock.now(), lease_until=None, fence=0
        )
        self.states[job.name] = replace(known, **values)


class Timer:
    """When the runs of one job come in one process, as seconds to wait from now on."""

    def __init__(self, job: Job, clock: Clock) -> None:
        self._job = job
        self._clock = clock
        self._begun = clock.monotonic()
        self._start: datetime = clock.now()
        self._tick = self._start

    def wait(self) -> float:
        """Seconds until the next run; each call goes on to the first one to come."""
        # Where there is no cron, this is the monotonic clock with a date for its zero.
        now = self._start + timedelta(seconds=self._clock.monotonic() - self._begun)
        if self._job.cron is not None:
            now = self._clock.now()
            # The clock was ahead, and is right again: what it said is no time to count from.
            if self._tick > now + AHEAD:
                self._tick = self._start
        first = self._tick == self._start
        self._tick = first_tick(self._job, now) if first else next_tick(self._tick, self._job, now)
        spread = random.uniform(0, self._job.jitter.total_seconds())  # noqa: S311  spreads load
        return max(0.0, (self._tick - now).total_seconds() + spread)
