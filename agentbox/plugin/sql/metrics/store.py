"""Series of samples: what each method promises stands in `MetricStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.metrics import Level, Point, Sample, SeriesQuery
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.sql.metrics import charts, levels
from agentbox.plugin.sql.metrics.samples import ADD, PUT, write
from agentbox.plugin.storage import MetricStore


class SqlMetricStore(MetricStore):
    """One table of series, and one of rows for each level."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def put(self, at: datetime, samples: Sequence[Sample]) -> None:
        await write(self._db, PUT, at, samples)

    async def add(self, at: datetime, samples: Sequence[Sample]) -> None:
        await write(self._db, ADD, at, samples)

    async def roll_up(
        self, level: Level, start: datetime, end: datetime, *, after: int, limit: int
    ) -> int | None:
        return await levels.roll_up(self._db, level, start, end, after, limit)

    async def oldest(self, level: Level, since: datetime) -> datetime | None:
        return await levels.oldest(self._db, level, since)

    async def rolled_up(self) -> Mapping[Level, datetime]:
        return await levels.rolled_up(self._db)

    async def note_rolled_up(
        self,
        level: Level,
        until: datetime,
        *,
        was: datetime | None,
        making: datetime | None = None,
    ) -> bool:
        return await levels.note_rolled_up(self._db, level, until, was, making)

    async def points(self, query: SeriesQuery) -> Sequence[Point]:
        return await charts.points(self._db, query)

    async def purge(self, level: Level, before: datetime, *, after: int, limit: int) -> int | None:
        return await levels.purge(self._db, level, before, after, limit)
