"""Series of samples as they are kept and read."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from agentbox.model.metrics.samples import Aggregate


class Level(StrEnum):
    """How finely samples are kept: as they came, or rolled up into one point a step."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def finer(self) -> Level | None:
        """The level that it is rolled up from."""
        order = list(Level)
        place = order.index(self)
        return order[place - 1] if place else None


STEPS: Final[dict[Level, timedelta]] = {
    Level.MINUTE: timedelta(minutes=1),
    Level.HOUR: timedelta(hours=1),
    Level.DAY: timedelta(days=1),
}
"""The steps of the levels that are rolled up; that of raw samples is the collection interval."""


class Point(NamedTuple):
    """One value of a chart: of the step that begins `at`."""

    at: datetime
    value: float


class SeriesQuery(Struct, frozen=True, kw_only=True):
    """What a chart asks for: points at multiples of `step` since 1970, `start` <= at < `end`.

    `level` is the coarsest one that is read; where it is not rolled up yet, the finer ones are.
    """

    type: str
    environment_id: str | None
    start: datetime
    end: datetime
    step: timedelta
    level: Level
    aggregate: Aggregate
