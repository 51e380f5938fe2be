"""Small stores: jobs, markers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from agentbox.model.jobs import JobState, Lease


class JobStore(ABC):
    """One row a job; whoever moves the fence holds the job."""

    @abstractmethod
    async def ensure(self, name: str, next_due: datetime) -> None:
        """Add the row if it is not there."""

    @abstractmethod
    async def get(self, name: str) -> JobState | None: ...

    @abstractmethod
    async def list(self) -> Sequence[JobState]:
        """All rows, by name; those of jobs that nobody has any more too."""

    @abstractmethod
    async def claim(
        self, name: str, now: datetime, lease_until: datetime, by: str = ""
    ) -> Lease | None:
        """Take a job that is due or asked for, and not leased, in one statement; None if not.

        Writes down that a run begins `now`, and by which process; also that it was asked for `now`
        at the latest, whatever a clock that was ahead has written.
        """

    @abstractmethod
    async def renew(self, lease: Lease, lease_until: datetime) -> bool:
        """Prolong a lease that is not given back, in one statement; False if the fence has moved
        or it is given back. Must not wait for transactions under the lease, but where the
        backend has one writer only."""

    @abstractmethod
    async def finish(self, lease: Lease, next_due: datetime, *, at: datetime, outcome: str) -> bool:
        """Give the lease back, say when the next run is due, and when and how this one ended.

        What was asked for when the run began is not asked for any more; what somebody has asked
        for since, as the lease had run out, still is. A run that began later than `at`, by a clock
        that was ahead, began at `at`. False if the fence has moved.
        """

    @abstractmethod
    async def release(self, lease: Lease, *, at: datetime, outcome: str) -> bool:
        """Let the lease end `at`, its run undone, and say how it ended; in one statement. Another
        process begins the run again, as if this one had died: when it is due stays, and that it is
        asked for.

        A run that began later than `at` began at `at`. False if the fence has
        moved or the lease is given back.
        """

    @abstractmethod
    async def skip(self, name: str, due: datetime, next_due: datetime) -> bool:
        """Put the run that is due at `due` off to `next_due`, in one statement; False if another
        is due, a process has the job or had it and died, or somebody has asked for a run."""

    @abstractmethod
    async def correct(self, state: JobState, *, next_due: datetime, lease_until: datetime) -> bool:
        """Put right when the job is due, and when its lease ends, which a clock that was ahead has
        written; in one statement. False if the lease is not as in `state` any more: given back,
        renewed or taken over. The fence stays: who lives after all goes on until another claims."""

    @abstractmethod
    async def forget(self, name: str, before: datetime) -> bool:
        """Delete the row of a job that was due, begun, asked for and held before `before` only, in
        one statement; False if there is none, or any of it was later. Never begun counts as long
        ago."""

    @abstractmethod
    async def run_now(self, name: str, now: datetime) -> bool:
        """Ask for a run, in one statement; False if there is no such row, or a process has the
        job. The date of the next run stays."""


class MarkerStore(ABC):
    """Facts about this database that are written once."""

    @abstractmethod
    async def claim(self, name: str, value: str) -> bool:
        """Write it if it is not there, in one statement; False if it was."""

    @abstractmethod
    async def get(self, name: str) -> str | None: ...
