"""Work done on an interval or at certain times: by one process at a time, or by every one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from agentbox.plugin.storage import Transaction


class JobRun(Protocol):
    """One run of a job."""

    @property
    def due(self) -> datetime:
        """When this run was due: its time on the schedule, without jitter and whenever it began.

        It is the same for a run that is begun again because its process died or was stopped. For a
        run between its times, it is when somebody asked for it; for a job of every process, when
        it began.
        """

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """A transaction; fails with `StorageError` once another process has the job.

        With `last` it ends the run too: that the run is done is committed with what it wrote, so
        that it is not done again if the process dies right after. There is no transaction after it.
        A job of every process has nothing to lose, and its transactions are plain ones.
        """


class Job(ABC):
    """Work done on an interval or at certain times. Runs never overlap, also not across processes,
    unless the job is one of every process.

    A run that takes longer than `timeout` is cancelled; one that raises is logged and counted,
    and the next comes at its time. However long the timeout is, a run says every few seconds that
    it goes on. One that keeps the event loop to itself for more than 10 s can't: another process
    takes the job, and this one writes nothing more.
    """

    name: str
    """Unique; plugins use `<entry point>-<word>`. Stated by the class, or set by `__init__`."""

    description: str = ""
    """What it is for, for whoever looks at the jobs of a server."""

    interval: timedelta | None = None
    """Time from one run to the next; the first comes after it. State this or `cron`."""

    cron: str | None = None
    """Times in UTC, as five fields of cron: minute, hour, day of the month, month, day of the week
    (0 to 7, or SUN to SAT); with six the first is the second. UTC has no summer time."""

    jitter: timedelta = timedelta(0)
    """Each run begins up to so much later than its time, so that not all servers of the world ask
    somebody at once; its `due` stays. Less than `interval`."""

    everywhere: bool = False
    """Every process runs it for itself, by its own monotonic timer. It has no row in the database:
    nobody makes up for a run, and nobody can ask for one."""

    run_missed: bool = False
    """What becomes of runs that nobody began within a minute of their time, because no server ran
    then: they are skipped, and the next comes at its time. With this, one run makes up for all of
    them as soon as there is a server."""

    timeout: timedelta = timedelta(minutes=1)

    @abstractmethod
    async def run(self, run: JobRun) -> None:
        """Do the work; write through `run.transaction()`, the last time with `last=True`."""
