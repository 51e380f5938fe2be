"""How often a key was used, by full hours or days in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.api_keys import ApiKeyUsage

MOST_POINTS = 1000
DEFAULT_SPAN = timedelta(days=1)


class Step(StrEnum):
    """How much time a point stands for."""

    HOUR = "1h"
    DAY = "1d"

    @property
    def length(self) -> timedelta:
        """From one point to the next."""
        return timedelta(hours=1) if self is Step.HOUR else timedelta(days=1)


class Span(NamedTuple):
    """From the full hour or day `start` on, before `end`."""

    start: datetime
    end: datetime
    step: Step


class KeyUsage(NamedTuple):
    """The uses of a key in a span, oldest first; points without any are left out."""

    api_key_id: str
    span: Span
    points: Sequence[ApiKeyUsage]


def span_of(start: datetime | None, end: datetime | None, step: Step, now: datetime) -> Span:
    """The span asked for, from the beginning of a point on; without a word the last 24 hours.

    Raises `ValidationFailed` if it ends before it starts, or holds over 1000 points.
    """
    end = end or now
    try:
        start = start or end - DEFAULT_SPAN
    except OverflowError:
        raise ValidationFailed(errors=[FieldFault("/end", "is out of range")]) from None
    if end < start:
        raise ValidationFailed(errors=[FieldFault("/end", "must not be before start")])
    start = _floor(start, step)
    if end - start > MOST_POINTS * step.length:
        fault = FieldFault("/step", f"gives over {MOST_POINTS} points between start and end")
        raise ValidationFailed(errors=[fault])
    return Span(start, end, step)


def points_of(hours: Sequence[ApiKeyUsage], step: Step) -> Sequence[ApiKeyUsage]:
    """The hours, which come oldest first, put together by `step`."""
    uses: dict[datetime, int] = {}
    for hour, count in hours:
        point = _floor(hour, step)
        uses[point] = uses.get(point, 0) + count
    return [ApiKeyUsage(point, count) for point, count in uses.items()]


def _floor(moment: datetime, step: Step) -> datetime:
    full = moment.replace(minute=0, second=0, microsecond=0)
    return full if step is Step.HOUR else full.replace(hour=0)
