"""Work done on an interval, by one process at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from agentbox.plugin.storage import Transaction


class JobRun(Protocol):
    """One run of a job."""

    @property
    def due(self) -> datetime:
        """When this run was due."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction; fails with `StorageError` once another process has the job."""


class Job(ABC):
    """Work done on an interval. Runs never overlap, also not across processes.

    A run that takes longer than `timeout` is cancelled; one that raises is logged and counted,
    and the next comes at its time.
    """

    name: ClassVar[str]
    """Unique; plugins use `<entry point>-<word>`."""

    interval: ClassVar[timedelta]
    timeout: ClassVar[timedelta] = timedelta(minutes=1)

    @abstractmethod
    async def run(self, run: JobRun) -> None:
        """Do the work; write through `run.transaction()`."""
