"""Times of day and days of the week or month as people write them: `30 3 * * 1`, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

MOST = 200
"""Characters of an expression."""


def next_after(expression: str, instant: datetime) -> datetime:
    """The first time after `instant` that a cron expression of five or six fields names, in UTC.

    With six fields the first one is the second. Raises ValueError with a sentence that says what is
    wrong with the expression, or that it names no time within fifty years.
    """
    if len(expression) > MOST:
        raise ValueError(f"it is longer than {MOST} characters")
    try:
        return next(CronSim(expression, instant.astimezone(UTC)))
    except CronSimError as error:
        told = str(error)
        raise ValueError(f"{told[:1].lower()}{told[1:]}") from None
    except (StopIteration, OverflowError):
        raise ValueError("no such day ever comes") from None
