"""How many sign-ins one address begins: each takes a row, before anybody has shown anything."""

from __future__ import annotations

import math
from typing import Final

from agentbox.core.recognition.caches import Bounded
from agentbox.model.formats.networks import counted_address
from agentbox.plugin.services import Clock

AT_MOST: Final = 120
SECONDS: Final = 60.0

MOST_ADDRESSES: Final = 10_000
"""The one that came first is forgotten for another: rows are bounded besides, for all together."""


class BegunFrom:
    """Counts in this process, in memory: `AT_MOST` in the `SECONDS` from an address's first one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Bounded[str, tuple[float, int]] = Bounded(MOST_ADDRESSES)

    def wait(self, address: str | None) -> int:
        """0 if one more may be begun, which is noted; else the whole seconds until it may."""
        now = self._clock.monotonic()
        counted = counted_address(address)
        since, count = self._counts.get(counted, (now, 0))
        if now - since >= SECONDS:
            since, count = now, 0
        if count >= AT_MOST:
            return max(1, math.ceil(since + SECONDS - now))
        self._counts.put(counted, (since, count + 1))
        return 0
