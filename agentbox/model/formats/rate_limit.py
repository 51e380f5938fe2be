"""Rates as people write them: `100/minute`."""

from __future__ import annotations

import re
from typing import NamedTuple

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
MOST = 10_000

_RATE = re.compile(r"([1-9][0-9]{0,4})/(second|minute|hour|day)")


class RateLimit(NamedTuple):
    """So many requests in any span of so many seconds."""

    requests: int
    seconds: int

    def within(self, other: RateLimit) -> bool:
        """Whether this one never allows what `other` does not: no more of them, in no less time."""
        return self.requests <= other.requests and self.seconds >= other.seconds


def parse_rate_limit(text: str) -> RateLimit:
    """`<1 to 10000>/<second, minute, hour or day>`.

    Raises ValueError with the rest of a sentence about the field.
    """
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) > MOST:
        raise ValueError(
            f"must be a number from 1 to {MOST} and /second, /minute, /hour or /day, "
            "such as 100/minute"
        )
    return RateLimit(int(match[1]), PERIODS[match[2]])
