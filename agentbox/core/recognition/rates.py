"""How often limited API keys may be used: at most so many times in any span of a period.

Counted in this process alone, in memory: a restart forgets, and several replicas would each allow
the whole rate. That is enough while there is one process on a database; replicas will share their
counts through it.
"""

from __future__ import annotations

import math
from collections import deque
from functools import lru_cache
from typing import NamedTuple

from agentbox.core.recognition.caches import Bounded
from agentbox.model.formats.rate_limit import RateLimit, parse_rate_limit
from agentbox.plugin.services import Clock

MOST_KEYS = 10_000
"""Keys whose uses are remembered. The one used longest ago is forgotten for another."""

MARKS = 100
"""Uses within this part of a period share a mark, so that a key's memory is bounded. They are all
forgotten with the last of them: a key never gets more than its rate, at times a hundredth later."""


class _Mark(NamedTuple):
    first: float
    last: float
    uses: int


class _Log:
    """The uses of one key, oldest first."""

    __slots__ = ("marks", "uses")

    def __init__(self) -> None:
        self.marks: deque[_Mark] = deque()
        self.uses = 0

    def forget(self, before: float) -> None:
        """Drop the marks whose last use was then or earlier."""
        while self.marks and self.marks[0].last <= before:
            self.uses -= self.marks.popleft().uses

    def note(self, now: float, shared: float) -> None:
        """One more use; a mark that began at most `shared` seconds ago takes it."""
        self.uses += 1
        if self.marks and now - self.marks[-1].first <= shared:
            first, _, uses = self.marks.pop()
            self.marks.append(_Mark(first, now, uses + 1))
        else:
            self.marks.append(_Mark(now, now, 1))


class Rates:
    """A sliding log for each key that has a rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logs: Bounded[str, _Log] = Bounded(MOST_KEYS)

    def wait(self, key_id: str, rate: str) -> int:
        """0 if the key may be used now, which is noted; else the whole seconds until it may.

        A use that is refused is not noted.
        """
        requests, seconds = _parsed(rate)
        now = self._clock.monotonic()
        log = self._logs.get(key_id) or _Log()
        self._logs.put(key_id, log)
        log.forget(now - seconds)
        if log.uses >= requests:
            return max(1, math.ceil(log.marks[0].last + seconds - now))
        log.note(now, seconds / MARKS)
        return 0


@lru_cache(maxsize=1024)
def _parsed(rate: str) -> RateLimit:
    return parse_rate_limit(rate)
