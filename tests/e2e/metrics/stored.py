"""Series with known samples, written past the collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agentbox.core.metrics.ticks import floor
from agentbox.model.metrics import Level, Sample
from agentbox.plugin import Storage
from tests.live import Answer, Caller, Live

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TICK = 30 * SECOND

Series = Mapping[datetime, float | Sequence[float]]
"""By tick what was measured, by several processes where there are several values."""


def some_hours_ago(live: Live) -> datetime:
    """A full hour: so long ago that the server itself has measured nothing near it."""
    return floor(live.runtime.clock.now(), HOUR) - 3 * HOUR


async def store(
    storage: Storage, name: str, series: Series, environment_id: str | None = None
) -> None:
    """Write the samples, and roll them up as if that had been done when they came."""
    async with storage.transaction() as tx:
        for at, given in series.items():
            values = given if isinstance(given, Sequence) else [given]
            for value in values:
                await tx.metrics.add(at, [Sample(name, value, environment_id)])
        start, end = floor(min(series), HOUR), floor(max(series), HOUR) + HOUR
        for level in (Level.MINUTE, Level.HOUR):
            after: int | None = 0
            while after is not None:
                after = await tx.metrics.roll_up(level, start, end, after=after, limit=500)


def text(at: datetime) -> str:
    """As queries and answers have it."""
    return format(at.astimezone(UTC), "%Y-%m-%dT%H:%M:%SZ")


def span(start: datetime, end: datetime, **more: str) -> dict[str, str]:
    """The parameters that ask for it."""
    return {"start": text(start), "end": text(end), **more}


async def ask(caller: Caller, path: str, **parameters: str) -> Answer:
    """A chart, or why not."""
    return await caller.get(f"/metrics{path}", params=parameters)


async def chart(caller: Caller, path: str, **parameters: str) -> dict[str, Any]:
    """A chart."""
    answer = await ask(caller, path, **parameters)
    assert answer.status == 200, answer.text
    return dict(answer.body)


def values(body: Mapping[str, Any]) -> dict[str, float]:
    """The values of a chart by their timestamps."""
    return {point["timestamp"]: point["value"] for point in body["metrics"]}
