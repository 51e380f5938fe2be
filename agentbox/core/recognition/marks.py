"""The uses of a limited API key within its period, in marks that are few whatever its rate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agentbox.model.api_keys import RateMark
from agentbox.model.formats.rate_limit import RateLimit
from agentbox.model.times import EPOCH

MARKS: Final = 100
"""A period is cut into so many parts, and the uses within one share a mark. They are all forgotten
with the last of them: a key never gets more than its rate, at times a hundredth of it later."""

SHORTEST: Final = timedelta(milliseconds=50)
"""No part is shorter: less than this says little between several processes."""

_TICK = timedelta(microseconds=1)


class Rate(NamedTuple):
    """A rate limit, and the parts into which its period is cut."""

    requests: int
    period: timedelta
    part: timedelta

    @classmethod
    def of(cls, limit: RateLimit) -> Rate:
        """The rate that `parse_rate_limit` has read."""
        period = timedelta(seconds=limit.seconds)
        return cls(limit.requests, period, max(period / MARKS, SHORTEST))

    @property
    def share(self) -> int:
        """The uses of one part if they are spread evenly, rounded down."""
        return self.requests * self.part // self.period

    def part_of(self, instant: datetime) -> datetime:
        """The beginning of the part that an instant is in."""
        return instant - (instant - EPOCH) % self.part

    def end_of_part(self, instant: datetime) -> datetime:
        """The last microsecond of the part that an instant is in."""
        return self.part_of(instant) + self.part - _TICK

    def counting(self, marks: Sequence[RateMark], now: datetime) -> Sequence[RateMark]:
        """The marks that count at `now`, oldest first.

        One further ahead than any process ever writes is there because the clock went back: its
        uses have been, so they count from now on and not from when the clock is there again.
        """
        ahead = now + self.part
        return [
            mark if mark.last <= ahead else RateMark(ahead, mark.uses)
            for mark in marks
            if mark.last > now - self.period
        ]

    def noted(
        self, marks: Sequence[RateMark], now: datetime, last: datetime, uses: int
    ) -> Sequence[RateMark]:
        """With so many more uses, from `now` to `last` in the same part."""
        if marks and marks[-1].last >= self.part_of(now):
            newest = marks[-1]
            return [*marks[:-1], RateMark(max(newest.last, last), newest.uses + uses)]
        return [*marks, RateMark(last, uses)]

    def given_back(
        self, marks: Sequence[RateMark], last: datetime, uses: int
    ) -> Sequence[RateMark]:
        """Without so many of the uses that were noted until `last`, if their mark is still there.

        Never taken from a later one, which would be forgotten too early.
        """
        part = self.part_of(last)
        for at, mark in enumerate(marks):
            if self.part_of(mark.last) == part:
                left = RateMark(mark.last, max(mark.uses - uses, 0))
                return [*marks[:at], left, *marks[at + 1 :]]
        return marks

    def room(self, marks: Sequence[RateMark]) -> int:
        """How many more uses there may be beside those that count; never less than none."""
        return max(self.requests - sum(mark.uses for mark in marks), 0)

    def free_again(self, marks: Sequence[RateMark], now: datetime) -> datetime:
        """When there is room for one more, if nobody else uses the key until then."""
        free, counted = now, sum(mark.uses for mark in marks)
        for mark in marks:
            if counted < self.requests:
                break
            counted -= mark.uses
            free = mark.last + self.period
        return free
