"""Leases that a clock which was ahead has written, and whether anybody still has them."""

from __future__ import annotations

from datetime import datetime, timedelta

from agentbox.model.jobs import JobState
from agentbox.plugin.services import Clock


class Leases:
    """Tells which leases nobody has any more, though they end later than any taken now would.

    Whether the one who took it lives, no time says: it may go by that clock still, or this process
    may be behind. Who lives renews its lease; so one is over that has stood still for as long as a
    lease holds, by the monotonic clock of this process.
    """

    def __init__(self, clock: Clock, holds_for: timedelta) -> None:
        self._clock = clock
        self._holds_for = holds_for
        self._seen: dict[str, tuple[datetime, int, float]] = {}

    def is_over(self, state: JobState) -> bool:
        """Whether such a lease has stood still since it was asked about first; ask at each look."""
        until, now = state.lease_until, self._clock.monotonic()
        if until is None or until <= self._clock.now() + self._holds_for:
            self._seen.pop(state.name, None)
            return False
        seen = self._seen.get(state.name)
        if seen is None or seen[:2] != (until, state.fence):
            self._seen[state.name] = (until, state.fence, now)
            return False
        return now - seen[2] >= self._holds_for.total_seconds()
