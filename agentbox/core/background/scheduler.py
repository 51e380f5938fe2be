"""Runs jobs on their interval, each by one process at a time, claimed by its row."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta

import structlog

from agentbox.core.counters import Counters
from agentbox.core.recognition.dispatch import is_own_cancellation
from agentbox.errors import StorageError
from agentbox.model.jobs import JobState, Lease
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage, Transaction

POLL = 1.0
"""Seconds between looks for jobs that are due."""

LEASE = timedelta(seconds=10)
"""How long a claim holds unless it is renewed: so soon after its death another process may have a
job, whatever the job's time-out. With a poll and a claim that is within 15 s."""

RENEW_EVERY = 3.0
"""Seconds between renewals of a lease, as long as the job runs: two may fail."""

_log = structlog.get_logger("agentbox.jobs")


class OnDemand(Job):
    """A job of ours that looks, before it is claimed, whether there is anything to do.

    So what runs each second writes nothing where nothing happens.
    """

    @abstractmethod
    async def wanted(self, tx: Transaction) -> bool:
        """Whether to run now; read only, and quick."""


class ClaimedRun:
    """One run of a job (`agentbox.plugin.JobRun`)."""

    def __init__(
        self,
        job: Job,
        storage: Storage,
        clock: Clock,
        lease: Lease,
        due: datetime,
        *,
        holds_for: timedelta = LEASE,
    ) -> None:
        self._job = job
        self._storage = storage
        self._clock = clock
        self._over = False
        self.lost = False
        self._holds_for = holds_for
        self.lease = lease
        self.due = due

    @property
    def following(self) -> datetime:
        """When the next run is due."""
        return next_tick(self.due, self._job, self._clock.now())

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """As `JobRun.transaction` promises."""
        if self._over:
            raise StorageError(f"this run of {self.lease.name} has had its last transaction")
        if last:
            return self._last()
        return self._storage.transaction(lease=self.lease)

    async def renew(self) -> bool:
        """Hold the job for as long again; False if there is nothing to hold any more.

        `lost` says then whether another process has claimed it meanwhile.
        """
        async with self._storage.transaction() as tx:
            if await tx.jobs.renew(self.lease, self._clock.now() + self._holds_for):
                return True
            row = await tx.jobs.get(self.lease.name)
        self.lost = row is None or row.fence != self.lease.fence
        return False

    async def give_back(self, following: datetime) -> None:
        """Give the lease back, unless the job's last transaction has done so.

        The row says so, not a flag: that transaction may have been cancelled as it was committed.
        """
        async with self._storage.transaction(lease=self.lease) as tx:
            row = await tx.jobs.get(self.lease.name)
            if row is not None and row.lease_until is not None:
                await tx.jobs.finish(self.lease, following)

    @asynccontextmanager
    async def _last(self) -> AsyncIterator[Transaction]:
        async with self._storage.transaction(lease=self.lease) as tx:
            yield tx
            if not await tx.jobs.finish(self.lease, self.following):
                raise StorageError(f"the job {self.lease.name} has been claimed by another process")
        self._over = True


class Scheduler:
    """Claims due jobs and runs them side by side, never the same one twice at a time.

    A job that raises, or runs past its time-out, is logged and counted; its next run comes at its
    time. The lease is short and renewed while the job runs: if the process dies, it runs out and
    another process takes the job, and a run that has lost its job is cancelled.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        storage: Storage,
        clock: Clock,
        counters: Counters,
        *,
        poll: float = POLL,
        lease: timedelta = LEASE,
        renew_every: float = RENEW_EVERY,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._storage = storage
        self._clock = clock
        self._counters = counters
        self._poll = poll
        self._lease = lease
        self._renew_every = renew_every
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Make the rows of new jobs and begin to look for due ones."""
        now = self._clock.now()
        async with self._storage.transaction() as tx:
            for job in self._jobs.values():
                await tx.jobs.ensure(job.name, now + job.interval)
        self._loop_task = asyncio.create_task(self._look_forever(), name="agentbox-scheduler")

    async def stop(self, timeout: float = 5.0) -> None:
        """Claim nothing more, wait for running jobs up to `timeout` seconds, then cancel them."""
        self._stopping.set()
        if self._loop_task is not None:
            # Not cancelled while it claims: a lease that nobody knows of would have to run out.
            await asyncio.wait({self._loop_task}, timeout=timeout)
            self._loop_task.cancel()
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=timeout)

    async def look(self) -> None:
        """Claim and start every job that is due and not running here."""
        now = self._clock.now()
        idle = [job for job in self._jobs.values() if job.name not in self._running]
        async with self._storage.transaction(read_only=True) as tx:
            due = [(job, state) for job in idle if (state := await _due(job, tx, now))]
        for job, state in due:
            if self._stopping.is_set():
                return
            try:
                await self._claim(job, state)
            except StorageError as error:
                # Whoever had it may have died in the middle of a transaction that still holds it.
                _log.warning("job_not_claimed", job=job.name, error=str(error))

    async def _look_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.look()
            except StorageError as error:
                _log.warning("jobs_not_looked_at", error=str(error))
            except Exception as error:  # noqa: BLE001  a defect; no job would ever run again
                _log.error("jobs_not_looked_at", error=type(error).__name__, exc_info=error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._stopping.wait()

    async def _claim(self, job: Job, state: JobState) -> None:
        now = self._clock.now()
        async with self._storage.transaction() as tx:
            lease = await tx.jobs.claim(job.name, now, now + self._lease)
        if lease is None:
            return
        run = ClaimedRun(
            job, self._storage, self._clock, lease, state.next_due, holds_for=self._lease
        )
        task = asyncio.create_task(self._run(job, run), name=f"agentbox-job-{job.name}")
        self._running[job.name] = task
        task.add_done_callback(lambda _: self._running.pop(job.name, None))

    async def _run(self, job: Job, run: ClaimedRun) -> None:
        outcome = "ok"
        task = asyncio.current_task()
        keeper = asyncio.create_task(self._keep(run, task), name=f"agentbox-lease-{job.name}")
        try:
            async with asyncio.timeout(job.timeout.total_seconds()):
                await job.run(run)
        except TimeoutError:
            outcome = "timeout"
            _log.error("job_timed_out", job=job.name, seconds=job.timeout.total_seconds())
        except BaseException as error:  # noqa: BLE001  a job may raise anything; it must not end the process
            if is_own_cancellation(error):
                outcome = "lost" if run.lost else "cancelled"
            else:
                outcome = "failed"
                _log.error("job_failed", job=job.name, error=type(error).__name__, exc_info=error)
        finally:
            keeper.cancel()
        self._counters.add(f"jobs.{job.name}.{outcome}")
        if outcome == "lost":
            _log.warning("job_lost", job=job.name)
            return  # there is nothing to give back
        await self._finish(run, self._clock.now() if outcome == "cancelled" else run.following)

    async def _keep(self, run: ClaimedRun, task: asyncio.Task[None] | None) -> None:
        """Renew the lease until it is given back; cancel the run if another process has the job."""
        while True:
            await asyncio.sleep(self._renew_every)
            try:
                if not await run.renew():
                    break
            except StorageError as error:
                _log.warning("job_not_renewed", job=run.lease.name, error=str(error))
        if run.lost and task is not None:
            task.cancel()

    async def _finish(self, run: ClaimedRun, following: datetime) -> None:
        try:
            await run.give_back(following)
        except StorageError as error:
            _log.warning("job_not_finished", job=run.lease.name, error=str(error))


async def _due(job: Job, tx: Transaction, now: datetime) -> JobState | None:
    """The job's row, if there is anything to claim."""
    state = await tx.jobs.get(job.name)
    if state is None or state.next_due > now or (state.lease_until or now) > now:
        return None
    if isinstance(job, OnDemand) and not await job.wanted(tx):
        return None
    return state


def next_tick(due: datetime, job: Job, now: datetime) -> datetime:
    """The first multiple of the interval after `now`; runs that were missed are not made up for."""
    missed = max((now - due) // job.interval, 0)
    return due + (missed + 1) * job.interval
