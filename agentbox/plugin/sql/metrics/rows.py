"""The tables of samples: one a level, all alike, and how their columns are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from agentbox.errors import StorageError
from agentbox.model.metrics import STEPS, Level
from agentbox.model.times import EPOCH

TABLES: Final[Mapping[Level, str]] = {
    Level.RAW: "metric_raw",
    Level.MINUTE: "metric_minutes",
    Level.HOUR: "metric_hours",
    Level.DAY: "metric_days",
}

COLUMNS: Final = "series_id, at, samples, minimum, maximum, total, last"

# NULL where all samples were alike, which is so of most: it keeps rows small.
LEAST: Final = "COALESCE(minimum, last)"
GREATEST: Final = "COALESCE(maximum, last)"
TOTAL: Final = "COALESCE(total, last * samples)"

LOCK: Final = "metrics"
"""What is held by whoever writes samples, so that no series is deleted under somebody's samples,
and writers of the same rows don't wait for each other in a circle."""

_SECOND = timedelta(seconds=1)


def step_of(level: Level) -> int:
    """Seconds. Raw samples have none of their own, and so have one of a second."""
    return STEPS[level] // _SECOND if level in STEPS else 1


def seconds(at: datetime) -> int:
    """Whole seconds since 1970. Raises `StorageError` for a time without a time zone."""
    if at.tzinfo is None:
        raise StorageError("a time without a time zone")
    return (at - EPOCH) // _SECOND


def instant(at: int) -> datetime:
    """What `seconds` made."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, OSError, ValueError):
        raise StorageError("a time in the database is out of range") from None


def next_multiple(at: datetime, step: int) -> int:
    """The first multiple of `step` seconds that is not before `at`, as `seconds` has it."""
    whole = seconds(at)
    if at.microsecond:
        whole += 1
    return -(-whole // step) * step
