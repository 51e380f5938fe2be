"""One run of a job: what it may write through, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta

import structlog

from agentbox.core.background.schedule import next_tick
from agentbox.core.counters import Counters
from agentbox.core.recognition.dispatch import is_own_cancellation
from agentbox.errors import StorageError
from agentbox.model.jobs import Lease, Outcome
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage, Transaction

LEASE = timedelta(seconds=10)
"""How long a claim holds unless it is renewed: so soon after its death another process may have a
job, whatever the job's time-out. With a poll and a claim that is within 15 s."""

_log = structlog.get_logger("agentbox.jobs")


class ClaimedRun:
    """One run of a job that this process has claimed (`agentbox.plugin.JobRun`).

    `tick` is the date in the job's row; `asked_at` when somebody asked for this run, if so.
    """

    def __init__(
        self,
        job: Job,
        storage: Storage,
        clock: Clock,
        lease: Lease,
        tick: datetime,
        *,
        asked_at: datetime | None = None,
        holds_for: timedelta = LEASE,
    ) -> None:
        self._job = job
        self._storage = storage
        self._clock = clock
        self._tick = tick
        # Somebody who asks when the run is due anyway, or nearly so, gets the one that is due.
        self._between = asked_at if asked_at is not None and asked_at < tick else None
        self._over = False
        self.lost = False
        self._holds_for = holds_for
        self._ends = clock.monotonic() + (job.timeout + holds_for).total_seconds()
        self.lease = lease

    @property
    def due(self) -> datetime:
        """When this run was due."""
        return self._between or self._tick

    @property
    def following(self) -> datetime:
        """When the next run is due."""
        now = self._clock.now()
        if self._between is not None and now < self._tick:
            return self._tick
        return next_tick(self._tick, self._job, now)

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """As `JobRun.transaction` promises."""
        if self._over:
            raise StorageError(f"this run of {self.lease.name} has had its last transaction")
        if last:
            return self._last()
        return self._storage.transaction(lease=self.lease)

    @property
    def overdue(self) -> bool:
        """Whether it goes on although it was cancelled at its time-out, a lease ago."""
        return self._clock.monotonic() >= self._ends

    async def renew(self) -> bool:
        """Hold the job for as long again; False if there is nothing to hold any more.

        `lost` says then whether another process has claimed it meanwhile, and so has this run:
        not one whose last transaction is committed, which nobody else has or will have. One that
        is overdue is not renewed, so that another process gets the job once the lease runs out.
        """
        overdue = self.overdue
        async with self._storage.transaction(read_only=overdue) as tx:
            until = self._clock.now() + self._holds_for
            if not overdue and await tx.jobs.renew(self.lease, until):
                return True
            row = await tx.jobs.get(self.lease.name)
        held = row is not None and row.fence == self.lease.fence
        self.lost = not self._over and not held
        return overdue and held and not self._over

    async def give_back(self, outcome: Outcome) -> None:
        """Give the lease back, unless the job's last transaction has done so; a run that was
        cancelled is begun again by another process.

        Where no flag says so the row may: that transaction may have been cancelled as it was
        committed.
        """
        if self._over:
            return
        async with self._storage.transaction(lease=self.lease) as tx:
            row = await tx.jobs.get(self.lease.name)
            if row is None or row.lease_until is None:
                return
            now = self._clock.now()
            if outcome == "cancelled":
                await tx.jobs.release(self.lease, at=now, outcome=outcome)
            else:
                await tx.jobs.finish(self.lease, self.following, at=now, outcome=outcome)

    @asynccontextmanager
    async def _last(self) -> AsyncIterator[Transaction]:
        async with self._storage.transaction(lease=self.lease) as tx:
            yield tx
            now = self._clock.now()
            if not await tx.jobs.finish(self.lease, self.following, at=now, outcome="ok"):
                raise StorageError(f"the job {self.lease.name} has been claimed by another process")
        self._over = True


class OwnRun:
    """One run of a job that every process has for itself (`agentbox.plugin.JobRun`)."""

    lost = False

    def __init__(self, job: Job, storage: Storage, due: datetime) -> None:
        self._job = job
        self._storage = storage
        self._over = False
        self.due = due

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """As `JobRun.transaction` promises: a plain one."""
        if self._over:
            raise StorageError(f"this run of {self._job.name} has had its last transaction")
        self._over = last
        return self._storage.transaction()


async def perform(job: Job, run: ClaimedRun | OwnRun, counters: Counters, clock: Clock) -> Outcome:
    """Run it, for as long as it may take; how it ended, whatever it raises.

    Counted as `jobs.<name>.<outcome>`, its time as `jobs.<name>.duration`; logged unless it went
    well. Swallows the cancellation of the task that this runs in.
    """
    outcome: Outcome = "ok"
    began = clock.monotonic()
    limit = asyncio.timeout(job.timeout.total_seconds())
    try:
        async with limit:
            await job.run(run)
    except StorageError as error:
        outcome = "lost" if run.lost else "failed"
        _log.warning("job_failed", job=job.name, error=str(error))
    except BaseException as error:  # noqa: BLE001  a job may raise anything; it must not end the process
        # What a job asks may be late too, well within its own time.
        if isinstance(error, TimeoutError) and limit.expired():
            outcome = "timeout"
            _log.error("job_timed_out", job=job.name, seconds=job.timeout.total_seconds())
        elif is_own_cancellation(error):
            outcome = "lost" if run.lost else "cancelled"
        else:
            outcome = "failed"
            _log.error("job_failed", job=job.name, error=type(error).__name__, exc_info=error)
    counters.observe(f"jobs.{job.name}.duration", clock.monotonic() - began)
    counters.add(f"jobs.{job.name}.{outcome}")
    return outcome
