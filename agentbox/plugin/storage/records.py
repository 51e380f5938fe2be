"""Small stores: jobs, markers."""

from __future__ import annotations

from abc import ABC, abstractmethod
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
    async def claim(self, name: str, now: datetime, lease_until: datetime) -> Lease | None:
        """Take a job that is due and not leased, in one statement; None if it is neither."""

    @abstractmethod
    async def renew(self, lease: Lease, lease_until: datetime) -> bool:
        """Prolong a lease that is not given back, in one statement; False if the fence has moved
        or it is given back. Must not wait for transactions under the lease, but where the
        backend has one writer only."""

    @abstractmethod
    async def finish(self, lease: Lease, next_due: datetime) -> bool:
        """Give the lease back and say when the next run is due; False if the fence has moved."""


class MarkerStore(ABC):
    """Facts about this database that are written once."""

    @abstractmethod
    async def claim(self, name: str, value: str) -> bool:
        """Write it if it is not there, in one statement; False if it was."""

    @abstractmethod
    async def get(self, name: str) -> str | None: ...
