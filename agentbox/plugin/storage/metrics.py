"""Stores of metrics: what environments reported last, and series of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from agentbox.model.environments import EnvironmentReport, RunningEnvironment
from agentbox.model.metrics import Level, Point, Sample, SeriesQuery


class ReportStore(ABC):
    """What environments reported last: one row each, gone with the environment."""

    @abstractmethod
    async def put(self, report: EnvironmentReport) -> bool:
        """Write it over the one before; what it leaves out (None) stays as it was, unless it was
        said before the environment's `started_at`: then nobody has said it of this run.

        One statement. False if there is no such environment. `reported_at` never goes back, though
        what is written last counts: clocks of processes differ, and no report may be lost.
        """

    async def put_all(self, reports: Sequence[EnvironmentReport]) -> Collection[str]:
        """As `put` of each of at most 1000, one after the other; the ids of those that are kept."""
        return {each.environment_id for each in reports if await self.put(each)}

    @abstractmethod
    async def get(self, environment_ids: Sequence[str]) -> Mapping[str, EnvironmentReport]:
        """Those of at most 1000 ids that have reported."""

    @abstractmethod
    async def running(self, fresh_since: datetime) -> Sequence[RunningEnvironment]:
        """All environments that run: whose status is `running`, and whose last report, if there
        ever was one, or start is not older. By id. A report from before the start is left out: it
        says nothing of this run."""


class MetricStore(ABC):
    """Series of samples, told by type and environment. Times are whole seconds.

    A raw row combines what several processes said of one tick: how many, the least, the greatest,
    the sum and the last. A rolled-up row does so with the rows of its step.

    Samples may come late, or their clock be set back: what `put` and `add` write of a step that is
    made already takes back how far its level is made, to where that step begins; of one that is
    about to be made, how far it will have been made.
    """

    @abstractmethod
    async def put(self, at: datetime, samples: Sequence[Sample]) -> None:
        """Write raw samples of that tick; where one is there already, it stays.

        So a tick that is collected twice is there once. Those of environments that are not there
        are left out, or go with the next `purge`. Raises `StorageError` for a value that is not
        finite, or so large (beyond 1e200) that it could not be added up.
        """

    @abstractmethod
    async def add(self, at: datetime, samples: Sequence[Sample]) -> None:
        """Combine raw samples with those that are there of that tick; else as `put`."""

    @abstractmethod
    async def roll_up(
        self, level: Level, start: datetime, end: datetime, *, after: int, limit: int
    ) -> int | None:
        """Make the rows of `level` that begin in `start` <= at < `end`, anew if they are there,
        from the next finer level; one that is made of more samples than are there of it any more
        stays. For the first `limit` series whose number is above `after`.
        Until a level is made charts read the finer one, so it need not be made minute by minute:
        a quarter of an hour at a time is less work, and its rows lie side by side.

        The number of the last of them; None if there is none above `after`.
        """

    @abstractmethod
    async def oldest(self, level: Level, since: datetime) -> datetime | None:
        """When the oldest row of any series begins that is not older; None if there is none."""

    @abstractmethod
    async def rolled_up(self) -> Mapping[Level, datetime]:
        """Until when each level is made; nothing for one that never was."""

    @abstractmethod
    async def note_rolled_up(
        self,
        level: Level,
        until: datetime,
        *,
        was: datetime | None,
        making: datetime | None = None,
    ) -> bool:
        """Note that it is made until then, if it was until `was`, None for never, in one statement;
        with `making`, that it is about to be made from there until then.

        False, and nothing is noted, if it was not, or if what was about to be made is taken back
        before `until`: samples have come late meanwhile.
        """

    @abstractmethod
    async def points(self, query: SeriesQuery) -> Sequence[Point]:
        """The points of a chart, oldest first; a step without samples has none.

        Aggregated by the database: the average is the sum by the number of samples, also over rows
        of different levels. Where `query.level` is not made yet, rows of finer levels are read.
        """

    @abstractmethod
    async def purge(self, level: Level, before: datetime, *, after: int, limit: int) -> int | None:
        """Delete the rows of `level` that are older: of the first `limit` series whose number is
        above `after`. Series of environments that are gone lose all rows, whatever their age, and
        a series without any row left is deleted.

        The number of the last one that is done, which is `after` itself if the next one has more
        rows than are deleted in one call, so that no transaction is long; None if there is none
        above `after`.
        """
