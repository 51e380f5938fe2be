"""The runtime's clock: the database's time, carried forward by a monotonic one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import structlog

from agentbox.plugin.storage import Storage

REPORTED_SKEW = timedelta(seconds=60)
"""A jump of the database's clock, or its distance from this machine's, that is worth a line."""

SLOW = 1.0
"""Seconds; a measurement that takes longer says too little to go by."""

READY_SKEW = timedelta(minutes=5)
"""A difference between this machine and the database that makes a process not ready."""

_log = structlog.get_logger("agentbox.clock")


class DatabaseClock:
    """Monotonic time plus the measured offset of `storage.now()`.

    All processes on one database see one time. A jump of this machine's wall clock is not noticed
    between two measurements. Where the database tells this machine's time, as SQLite does, the next
    measurement brings the jump along; where it has a clock of its own, nothing does. `synchronise`
    measures anew; until then it is this machine's time.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._synchronised = False
        self._reported: timedelta | None = None

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
        """Measure the offset of the database's clock; half of the round trip is taken off.

        A jump of the database's clock is logged, and a distance of this machine's from it: when it
        begins, and when it has changed by as much again.
        """
        before = time.monotonic()
        there = (await storage.now()).timestamp()
        after = time.monotonic()
        if self._synchronised and after - before > SLOW:
            return  # when in between it was read is anybody's guess
        offset = there - (before + after) / 2
        moved = timedelta(seconds=offset - self._offset)
        if self._synchronised and abs(moved) > REPORTED_SKEW:
            _log.warning("clock_jumped", seconds=round(moved.total_seconds(), 3))
        self._offset, self._synchronised = offset, True
        self._report(self.skew)

    def _report(self, skew: timedelta) -> None:
        if abs(skew) <= REPORTED_SKEW:
            self._reported = None
        elif self._reported is None or abs(skew - self._reported) > REPORTED_SKEW:
            self._reported = skew
            _log.warning("clock_differs", seconds=round(skew.total_seconds(), 3))
