"""Runs jobs on their schedules, each by one process at a time, claimed by its row."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from agentbox.core.background.everywhere import Everywhere
from agentbox.core.background.leases import Leases
from agentbox.core.background.runs import LEASE, ClaimedRun, perform
from agentbox.core.background.schedule import (
    AHEAD,
    LATE,
    begins_at,
    first_tick,
    next_tick,
    realigned,
)
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.model.jobs import JobState
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage, Transaction

__all__ = ["LEASE", "POLL", "RENEW_EVERY", "ClaimedRun", "OnDemand", "Scheduler", "next_tick"]

POLL = 1.0
"""Seconds between looks for jobs that are due."""

RENEW_EVERY = 3.0
"""Seconds between renewals of a lease, as long as the job runs: two may fail."""

_log = structlog.get_logger("agentbox.jobs")


class OnDemand(Job):
    """A job of ours that looks, before it is claimed, whether there is anything to do.

    So what runs each second writes nothing where nothing happens.
    """

    run_missed = True

    @abstractmethod
    async def wanted(self, tx: Transaction) -> bool:
        """Whether to run now; read only, and quick."""


class Scheduler:
    """Claims due jobs and runs them side by side, never the same one twice at a time.

    A job that raises, or runs past its time-out, is logged and counted; its next run comes at its
    time. The lease is short and renewed while the job runs: if the process dies, it runs out and
    another process takes the job, and a run that has lost its job is cancelled.

    `place` names the deployment, so that jitter differs between deployments; `process` is what the
    rows of jobs call this process.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        storage: Storage,
        clock: Clock,
        counters: Counters,
        *,
        place: str = "",
        process: str | None = None,
        poll: float = POLL,
        lease: timedelta = LEASE,
        renew_every: float = RENEW_EVERY,
    ) -> None:
        self._jobs = {job.name: job for job in jobs if not job.everywhere}
        self._everywhere = Everywhere(
            [job for job in jobs if job.everywhere], storage, clock, counters
        )
        self._storage = storage
        self._clock = clock
        self._counters = counters
        self._place = place
        self._process = process or f"{socket.gethostname()}:{os.getpid()}"
        self._poll = poll
        self._lease = lease
        self._leases = Leases(clock, lease)
        self._renew_every = renew_every
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def here(self) -> Mapping[str, JobState]:
        """The jobs that every process runs for itself, as this one does, by their names."""
        return self._everywhere.states

    async def start(self) -> None:
        """Make the rows of new jobs, correct those of jobs whose schedule has changed, and begin to
        look for due ones."""
        async with self._storage.transaction() as tx:
            for job in self._jobs.values():
                await self._prepare(job, tx)
        self._everywhere.start()
        self._loop_task = asyncio.create_task(self._look_forever(), name="agentbox-scheduler")

    async def stop(self, timeout: float = 5.0) -> None:
        """Claim nothing more, wait for running jobs up to `timeout` seconds, then cancel them."""
        self._stopping.set()
        own = asyncio.create_task(self._everywhere.stop(timeout))
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
        await own

    async def look(self) -> None:
        """Claim and start every job that is due and not running here."""
        now = self._clock.now()
        idle = [job for job in self._jobs.values() if job.name not in self._running]
        async with self._storage.transaction(read_only=True) as tx:
            states = {state.name: state for state in await tx.jobs.list()}
            known = [(job, states[job.name]) for job in idle if job.name in states]
            due = [(job, state) for job, state in known if await self._is_due(job, state, tx, now)]
        for job, state in due:
            if self._stopping.is_set():
                return
            try:
                if self._is_missed(job, state, now):
                    await self._skip(job, state)
                else:
                    await self._claim(job, state)
            except StorageError as error:
                # Whoever had it may have died in the middle of a transaction that still holds it.
                _log.warning("job_not_claimed", job=job.name, error=str(error))
        for job, state in known:
            try:
                await self._bring_back(job, state, now)
            except StorageError as error:
                _log.warning("job_not_brought_back", job=job.name, error=str(error))
        absent = [job for job in idle if job.name not in states]
        if absent:
            # Deleted by a process that does not have them, or the database is another one by now.
            async with self._storage.transaction() as tx:
                for job in absent:
                    await self._prepare(job, tx)

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

    async def _prepare(self, job: Job, tx: Transaction) -> None:
        now = self._clock.now()
        await tx.jobs.ensure(job.name, first_tick(job, now))
        state = await tx.jobs.get(job.name)
        if state is not None and (tick := realigned(job, state.next_due, now)) != state.next_due:
            await tx.jobs.skip(job.name, state.next_due, tick)

    async def _bring_back(self, job: Job, state: JobState, now: datetime) -> None:
        """Correct a date that was written down while the database's clock was ahead.

        A process that is a little behind the others must not take their next date for one: it
        would have their last run again.
        """
        tick = realigned(job, state.next_due, now + AHEAD)
        if self._leases.is_over(state):
            await self._end_lease(state, tick, now)
            return
        if tick == state.next_due or state.lease_until is not None:
            return
        async with self._storage.transaction() as tx:
            if await tx.jobs.skip(job.name, state.next_due, tick):
                _log.warning("job_brought_back", job=job.name, due=state.next_due, next_due=tick)

    async def _end_lease(self, state: JobState, tick: datetime, now: datetime) -> None:
        """Let others claim a job whose process died while its clock was ahead."""
        async with self._storage.transaction() as tx:
            ended = await tx.jobs.correct(state, next_due=tick, lease_until=now)
        if ended:
            _log.warning(
                "job_lease_ended",
                job=state.name,
                lease_until=state.lease_until,
                process=state.last_process,
                next_due=tick,
            )

    async def _is_due(self, job: Job, state: JobState, tx: Transaction, now: datetime) -> bool:
        """Whether there is a run to claim or to skip."""
        if state.is_leased(now):
            return False
        if state.asked_at is not None:
            return True
        if begins_at(job, state.next_due, self._place) > now:
            return False
        return not isinstance(job, OnDemand) or await job.wanted(tx)

    def _is_missed(self, job: Job, state: JobState, now: datetime) -> bool:
        """Whether nobody has begun this run at its time, and nobody makes up for it."""
        if job.run_missed or state.asked_at is not None or state.lease_until is not None:
            return False
        return now - begins_at(job, state.next_due, self._place) > LATE

    async def _skip(self, job: Job, state: JobState) -> None:
        following = next_tick(state.next_due, job, self._clock.now())
        async with self._storage.transaction() as tx:
            skipped = await tx.jobs.skip(job.name, state.next_due, following)
        if skipped:
            self._counters.add(f"jobs.{job.name}.missed")
            _log.warning("job_missed", job=job.name, due=state.next_due, next_due=following)

    async def _claim(self, job: Job, state: JobState) -> None:
        now = self._clock.now()
        async with self._storage.transaction() as tx:
            lease = await tx.jobs.claim(job.name, now, now + self._lease, self._process)
        if lease is None:
            return
        if state.last_process not in {None, "", self._process}:
            self._counters.add(f"jobs.{job.name}.taken_over")
        # By a clock that was ahead: nobody asks for a run of the time to come.
        asked_at = None if state.asked_at is None else min(state.asked_at, now)
        run = ClaimedRun(
            job,
            self._storage,
            self._clock,
            lease,
            state.next_due,
            asked_at=asked_at,
            holds_for=self._lease,
        )
        task = asyncio.create_task(self._run(job, run), name=f"agentbox-job-{job.name}")
        self._running[job.name] = task
        task.add_done_callback(lambda _: self._running.pop(job.name, None))

    async def _run(self, job: Job, run: ClaimedRun) -> None:
        task = asyncio.current_task()
        keeper = asyncio.create_task(self._keep(run, task), name=f"agentbox-lease-{job.name}")
        try:
            outcome = await perform(job, run, self._counters, self._clock)
        finally:
            keeper.cancel()
        if outcome == "lost":
            _log.warning("job_lost", job=job.name)
            return  # there is nothing to give back
        try:
            await run.give_back(outcome)
        except StorageError as error:
            _log.warning("job_not_finished", job=job.name, error=str(error))

    async def _keep(self, run: ClaimedRun, task: asyncio.Task[None] | None) -> None:
        """Renew the lease until it is given back; cancel the run if another process has the job."""
        told = False
        while True:
            await asyncio.sleep(self._renew_every)
            try:
                if not await run.renew():
                    break
            except StorageError as error:
                _log.warning("job_not_renewed", job=run.lease.name, error=str(error))
            if run.overdue and not told:
                told = True
                _log.error("job_goes_on", job=run.lease.name)
        if run.lost and task is not None:
            task.cancel()
