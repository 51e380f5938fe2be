"""What is written, rolled up and deleted, and how much of it there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.keeping import PurgeMetrics, RollUpMetrics
from agentbox.model.metrics import Aggregate, Level, Sample, SeriesQuery
from agentbox.model.times import EPOCH
from agentbox.plugin.storage import Storage
from tests.core.metrics.parts import Run
from tests.core.world import START, ManualClock

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)
SETTINGS = MetricsSettings()


async def write(storage: Storage, ticks: Sequence[datetime], value: float = 1.0) -> None:
    for at in ticks:
        async with storage.transaction() as tx:
            await tx.metrics.put(at, [Sample("users", value)])


async def count(storage: Storage, level: Level) -> int:
    """How many rows of the level there are."""
    table = {Level.RAW: "raw", Level.MINUTE: "minutes", Level.HOUR: "hours", Level.DAY: "days"}
    async with storage.transaction(read_only=True) as tx:
        rows = await tx._db.fetch(f"SELECT count(*) FROM metric_{table[level]}")  # type: ignore[attr-defined]
    return int(rows[0][0])


async def made(storage: Storage) -> dict[Level, datetime]:
    async with storage.transaction(read_only=True) as tx:
        return dict(await tx.metrics.rolled_up())


async def roll_up(storage: Storage, clock: ManualClock, cut_after: int = 1 << 30) -> None:
    await RollUpMetrics(SETTINGS, clock).run(Run(storage, clock.now(), cut_after))


async def purge(storage: Storage, clock: ManualClock, settings: MetricsSettings = SETTINGS) -> None:
    await PurgeMetrics(settings, clock).run(Run(storage, clock.now()))


def ticks(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * 30 * SECOND for n in range((end - start) // (30 * SECOND))]


async def sums(storage: Storage, level: Level, step: timedelta) -> list[float]:
    query = SeriesQuery(
        type="users",
        environment_id=None,
        start=START,
        end=START + 2 * HOUR,
        step=step,
        level=level,
        aggregate=Aggregate.SUM,
    )
    async with storage.transaction(read_only=True) as tx:
        return [value for _, value in await tx.metrics.points(query)]


async def oldest(storage: Storage, level: Level) -> datetime:
    async with storage.transaction(read_only=True) as tx:
        found = await tx.metrics.oldest(level, EPOCH)
    assert found is not None
    return found
