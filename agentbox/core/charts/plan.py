"""How finely a chart is drawn, and from which of the levels that are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.keeping import retentions
from agentbox.core.metrics.ticks import floor
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.metrics import STEPS, Aggregate, Level
from agentbox.model.times import EPOCH, format_duration, parse_duration

DEFAULT_SPAN: Final = timedelta(days=1)

OFFERED: Final = tuple(
    parse_duration(step)
    for step in ("30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "3h", "6h", "1d")
)
"""Steps to choose from where none is asked for, the smallest first."""

FEW: Final = 1000
"""The most points of a chart whose step nobody asked for."""

MOST: Final = 11_000
"""The most points of any chart."""

LONGEST: Final = timedelta(days=36500)


class Asked(Struct, frozen=True, kw_only=True):
    """What somebody wants to see: of the last 24 hours unless told, at the `step` of that text.

    `most` are the points that are wanted at most where no step is asked for.
    """

    start: datetime | None = None
    end: datetime | None = None
    step: str | None = None
    aggregate: Aggregate | None = None
    most: int = FEW


class Plan(Struct, frozen=True, kw_only=True):
    """From the full step `start` on, before `end`, read from `level`.

    `first` is where reading begins: with the first full step of which nothing is deleted yet.
    `until` is `end`, or soon after now if that is earlier: nothing is measured ahead of time.
    """

    start: datetime
    first: datetime
    end: datetime
    until: datetime
    step: timedelta
    level: Level

    @property
    def slots(self) -> int:
        """How many points there are if none is missing."""
        return max(-(-(self.until - self.start) // self.step), 0)


class Planner:
    """Chooses by how finely things are measured, and how long each level is kept."""

    def __init__(self, settings: MetricsSettings) -> None:
        self.steps = {Level.RAW: settings.collection_interval, **STEPS}
        self.kept = retentions(settings)

    def plan(self, asked: Asked, now: datetime) -> Plan:
        """The finest that is not too fine, or the step that was asked for.

        Raises `ValidationFailed` for a span that ends before it starts or begins before 1970, for a
        step that no level has, and for too many points.
        """
        start, end = span(asked, now)
        if asked.step is not None:
            step = self._asked_step(asked.step)
            found = self._plan(start, end, step, self._level(start, step, now), now)
            if found.slots > MOST:
                raise _fault("/step", f"gives over {MOST} points between start and end")
            return found
        for step in OFFERED:
            # At less than the interval every other point would be missing.
            if step < self.steps[Level.RAW]:
                continue
            level = self._covering(start, step, now)
            if level is not None or step == OFFERED[-1]:
                level = level or self._level(start, step, now)
                found = self._plan(start, end, step, level, now)
                if found.slots <= asked.most:
                    return found
        longest = format_duration(OFFERED[-1])
        raise _fault(
            "/start", f"is over {asked.most} points of {longest} before end; ask for a longer step"
        )

    def _asked_step(self, text: str) -> timedelta:
        try:
            step = parse_duration(text)
        except (ValueError, OverflowError):
            raise _fault("/step", "is not a duration such as 30s, 5m, 1h or 1d") from None
        if not timedelta(0) < step <= LONGEST:
            raise _fault("/step", f"must be longer than 0, and {format_duration(LONGEST)} at most")
        if not self._levels(step):
            known = ", ".join(format_duration(each) for each in sorted(set(self.steps.values())))
            raise _fault("/step", f"must be a multiple of one of {known}")
        return step

    def _levels(self, step: timedelta) -> list[Level]:
        """Those that the step can be put together from, the finest first."""
        return [level for level, length in self.steps.items() if not step % length]

    def _covering(self, start: datetime, step: timedelta, now: datetime) -> Level | None:
        """The coarsest that still has all full steps from `start` on, but for the first: it is the
        quickest to read. Whoever asks for as long as it is kept says so a moment before `now`."""
        kept = [level for level in self._levels(step) if start > now - self.kept[level] - step]
        return kept[-1] if kept else None

    def _level(self, start: datetime, step: timedelta, now: datetime) -> Level:
        """The one that covers, else the one that goes back farthest."""
        return self._covering(start, step, now) or max(
            self._levels(step), key=lambda level: self.kept[level]
        )

    def _plan(
        self, start: datetime, end: datetime, step: timedelta, level: Level, now: datetime
    ) -> Plan:
        first = start = max(floor(start, step), EPOCH)
        # A row of the level itself is there as a whole or not at all.
        if step > self.steps[level]:
            first = max(start, _ceil(now - self.kept[level], step))
        return Plan(
            start=start,
            first=first,
            end=end,
            until=min(end, now + self.steps[Level.RAW]),
            step=step,
            level=level,
        )


def _ceil(at: datetime, step: timedelta) -> datetime:
    """The first multiple of `step` that is not before `at`."""
    return at + (EPOCH - at) % step


def span(asked: Asked, now: datetime) -> tuple[datetime, datetime]:
    """From when until when. Raises `ValidationFailed` if it ends before it starts, or before 1970.

    A start that nobody asked for is not before 1970.
    """
    end = asked.end or now
    for pointer, given in (("/start", asked.start), ("/end", end)):
        if given is not None and given < EPOCH:
            raise _fault(pointer, "is before 1970")
    start = asked.start or max(end - DEFAULT_SPAN, EPOCH)
    if end < start:
        if asked.end is None:
            raise _fault("/start", "is in the future, and there is no end")
        raise _fault("/end", "must not be before start")
    return start, end


def _fault(pointer: str, detail: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldFault(pointer, detail)])
