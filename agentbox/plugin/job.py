"""Work done on an interval, by one process at a time."""

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
        """When this run was due."""

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """A transaction; fails with `StorageError` once another process has the job.

        With `last` it ends the run too: that the run is done is committed with what it wrote, so
        that it is not done again if the process dies right after. There is no transaction after it.
        """


class Job(ABC):
    """Work done on an interval. Runs never overlap, also not across processes.

    A run that takes longer than `timeout` is cancelled; one that raises is logged and counted,
    and the next comes at its time. However long the timeout is, a run says every few seconds that
    it goes on. One that keeps the event loop to itself for more than 10 s can't: another process
    takes the job, and this one writes nothing more.
    """

    name: str
    """Unique; plugins use `<entry point>-<word>`. Stated by the class, or set by `__init__`."""

    interval: timedelta
    timeout: timedelta = timedelta(minutes=1)

    @abstractmethod
    async def run(self, run: JobRun) -> None:
        """Do the work; write through `run.transaction()`, the last time with `last=True`."""
