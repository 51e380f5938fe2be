"""The runtime's clock: the database's time, carried forward by a monotonic one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import structlog

from agentbox.plugin.storage import Storage

REPORTED_SKEW = timedelta(seconds=60)
"""A jump of the database's clock that is worth a line in the log."""

READY_SKEW = timedelta(minutes=5)
"""A difference between this machine and the database that makes a process not ready."""

_log = structlog.get_logger("agentbox.clock")


class DatabaseClock:
    """Monotonic time plus the measured offset of `storage.now()`.

    All processes on one database see one time, and a jump of this machine's wall clock is not
    noticed. `synchronise` measures anew; until then it is this machine's time.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._synchronised = False

    def now(self) -> datetime:
        """Aware UTC, to the microsecond."""
        return datetime.fromtimestamp(self._offset + time.monotonic(), UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    @property
    def skew(self) -> timedelta:
        """How far this machine's wall clock is from the database's."""
        return timedelta(seconds=time.time() - time.monotonic() - self._offset)

    async def synchronise(self, storage: Storage) -> None:
        """Measure the offset of the database's clock; half of the round trip is taken off."""
        before = time.monotonic()
        there = (await storage.now()).timestamp()
        after = time.monotonic()
        offset = there - (before + after) / 2
        moved = timedelta(seconds=offset - self._offset)
        if self._synchronised and abs(moved) > REPORTED_SKEW:
            _log.warning("clock_jumped", seconds=round(moved.total_seconds(), 3))
        self._offset, self._synchronised = offset, True
