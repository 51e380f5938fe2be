"""The jobs of a server, as whoever runs it sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agentbox.core.background.schedule import begins_at, next_tick, shown
from agentbox.core.changes import Changes
from agentbox.errors import Conflict, NotFound
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import SYSTEM_READ, SYSTEM_WRITE, ScopeTable
from agentbox.model.jobs import JobState
from agentbox.model.principal import Actor, Origin
from agentbox.plugin.job import Job
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage


class JobView(Struct, frozen=True, kw_only=True):
    """A job: when it runs, and what became of the last run.

    A job of every process is told of as it is in the process that answers. `last_process` is the
    host and the process id of who began the last run.
    """

    name: str
    schedule: str
    everywhere: bool
    running: bool
    description: str | None = None
    interval: timedelta | None = None
    cron: str | None = None
    next_due: datetime | None = None
    asked_at: datetime | None = None
    last_started: datetime | None = None
    last_finished: datetime | None = None
    last_outcome: str | None = None
    last_process: str | None = None


class Jobs:
    """Lists jobs, and asks for runs of them.

    `here` tells of the jobs that every process has for itself, nothing in a process without them.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        here: Callable[[], Mapping[str, JobState]],
        place: str,
        storage: Storage,
        changes: Changes,
        clock: Clock,
        scopes: ScopeTable,
    ) -> None:
        self._jobs = {job.name: job for job in sorted(jobs, key=lambda job: job.name)}
        self._here = here
        self._place = place
        self._storage = storage
        self._changes = changes
        self._clock = clock
        self._scopes = scopes

    async def list(self, caller: Actor) -> Sequence[JobView]:
        """All jobs of this program and its plugins, by name. Raises `InsufficientRole` or
        `InsufficientScope`."""
        require_scope(caller, SYSTEM_READ, self._scopes)
        async with self._storage.transaction(read_only=True) as tx:
            states = {state.name: state for state in await tx.jobs.list()}
        states |= self._here()
        return [self._view(job, states.get(job.name)) for job in self._jobs.values()]

    async def run(self, actor: Actor, origin: Origin, name: str) -> JobView:
        """Ask for a run of a job, which a server begins within a second or so; the job as it is.

        Asking again before it has begun asks for one run. Raises `NotFound`; `Conflict` for a job
        of every process, and for one that runs; `InsufficientRole` or `InsufficientScope`.
        """
        job = self._jobs.get(name)
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, SYSTEM_WRITE, self._scopes)
            if job is None:
                raise NotFound("There is no such job.")
            if job.everywhere:
                raise Conflict("Every process runs this job for itself; nobody can ask for a run.")
            if not await work.tx.jobs.run_now(name, work.now):
                raise _refusal(await work.tx.jobs.get(name))
            await work.record("job.run", f"job:{name}")
            state = await work.tx.jobs.get(name)
        return self._view(job, state)

    def _view(self, job: Job, state: JobState | None) -> JobView:
        now = self._clock.now()
        running = state is not None and state.is_leased(now)
        view = JobView(
            name=job.name,
            schedule=shown(job),
            everywhere=job.everywhere,
            running=running,
            description=job.description or None,
            interval=job.interval,
            cron=job.cron,
        )
        if state is None:
            return view
        return replace(
            view,
            next_due=self._next(job, state, now),
            asked_at=state.asked_at,
            last_started=state.last_started,
            last_finished=state.last_finished,
            last_outcome=_outcome(state, now),
            last_process=state.last_process,
        )

    def _next(self, job: Job, state: JobState, now: datetime) -> datetime:
        """When the next run begins, after the one that goes on if there is one."""
        if job.everywhere:
            return state.next_due
        tick = state.next_due
        if state.is_leased(now) and tick <= now:
            tick = next_tick(tick, job, now)
        return begins_at(job, tick, self._place)


def _outcome(state: JobState, now: datetime) -> str | None:
    """How the last run ended; one whose process never said so is lost."""
    began, ended = state.last_started, state.last_finished
    if began is None or state.is_leased(now) or (ended is not None and began <= ended):
        return state.last_outcome
    return "lost"


def _refusal(state: JobState | None) -> Conflict:
    if state is None:
        return Conflict("No server has had this job yet; it is there once one has started.")
    return Conflict("The job runs already.")
