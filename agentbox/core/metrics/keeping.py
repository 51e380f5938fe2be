"""How long series are kept, and how finely: rolled up level by level, then deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.ticks import floor
from agentbox.model.metrics import STEPS, Level
from agentbox.model.times import EPOCH
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction

ROWS_AT_ONCE: Final = 6000
"""Rows that are rolled up in one transaction, so that no other writer waits long."""

ROLLED_UP_AT_ONCE: Final = 100
PURGED_AT_ONCE: Final = 10
"""Series of one transaction at most; of each there are 120 rows to delete each hour."""

ROLL_UP_REST: Final = 1
PURGE_REST: Final = 3
"""For how many times as long as each transaction took the others have the database. What is
deleted lies all over the file: without rest, writing that back holds up everybody for 60 ms."""

LONGEST_REST: Final = 1.0
"""Seconds."""

WINDOWS: Final = {
    Level.MINUTE: timedelta(hours=1),
    Level.HOUR: timedelta(hours=6),
    Level.DAY: timedelta(days=30),
}
"""How much of a level is made at once where it lags behind: some hundred rows of a series."""

SETTLED: Final = timedelta(seconds=30)
"""How long after its end, at least, nothing more is expected to arrive of a step."""


def retentions(settings: MetricsSettings) -> Mapping[Level, timedelta]:
    """How long each level is kept."""
    return {
        Level.RAW: settings.raw_retention,
        Level.MINUTE: settings.minute_retention,
        Level.HOUR: timedelta(days=settings.retention_days),
        Level.DAY: settings.day_retention,
    }


class RollUpMetrics(Job):
    """Makes one row of a step from the rows of the next finer level, once the step is over.

    That is so two intervals after its end. What is made is noted window by window, so that a run
    which is cut short goes on from there.
    """

    name = "roll-up-metrics"
    description = "Makes values of a minute, an hour and a day out of finer ones."
    run_missed = True
    interval = timedelta(minutes=1)
    timeout = timedelta(minutes=10)

    def __init__(self, settings: MetricsSettings, clock: Clock) -> None:
        self._clock = clock
        self._kept = retentions(settings)
        self._interval = settings.collection_interval
        self._settled = max(2 * settings.collection_interval, SETTLED)

    async def run(self, run: JobRun) -> None:
        """Each level from the one that was made just before it."""
        now = self._clock.now()
        async with run.transaction() as tx:
            made = await _taken_back(tx)
        ready = now - self._settled
        for level, step in STEPS.items():
            until = floor(ready, step)
            was = made.get(level)
            start = was or floor(now - self._kept[_finer(level)], step)
            while start < until:
                end = await self._make_some(run, level, start, until, was)
                if end is None:
                    break  # something came late meanwhile; the next run begins with it
                start = was = end
            ready = start

    def _at_once(self, level: Level, window: timedelta) -> int:
        """How many series to make in one transaction, by how many rows there are of each."""
        step = STEPS.get(_finer(level), self._interval)
        # A window of a minute has no whole step where ticks are farther apart.
        rows = max(window // step, 1)
        return max(1, min(ROLLED_UP_AT_ONCE, ROWS_AT_ONCE // rows))

    async def _make_some(
        self, run: JobRun, level: Level, start: datetime, until: datetime, was: datetime | None
    ) -> datetime | None:
        """A window, or what has nothing in it from `start` on. Where that ends, or None as `_make`
        says False."""
        end = start + WINDOWS[level]
        if end >= until:
            end = until
        elif (first := await self._first(run, level, start, until, was)) != start:
            return first
        else:
            was = start
        return end if await self._make(run, level, start, end, was) else None

    async def _first(
        self, run: JobRun, level: Level, start: datetime, until: datetime, was: datetime | None
    ) -> datetime | None:
        """Where the first step begins of which there is something, noted as where to go on.

        There may be nothing for years, if the database's clock was wrong for a tick. Rows of what
        has no finer ones any more stay as they are.
        """
        async with run.transaction() as tx:
            if not await tx.metrics.note_rolled_up(level, start, was=was, making=until):
                return None
            oldest = await tx.metrics.oldest(_finer(level), start)
            first = until if oldest is None else min(floor(oldest, STEPS[level]), until)
            noted = await tx.metrics.note_rolled_up(level, first, was=start)
        return first if noted else None

    async def _make(
        self, run: JobRun, level: Level, start: datetime, end: datetime, was: datetime | None
    ) -> bool:
        """False if samples have come of what was made before, or meanwhile of what is made."""
        noted = True
        at_once = self._at_once(level, end - start)

        async def make(tx: Transaction, after: int) -> int | None:
            nonlocal noted
            if after == 0:
                # So that what comes between two transactions, of a series that is made, is noticed.
                noted = await tx.metrics.note_rolled_up(level, start, was=was, making=end)
            if not noted:
                return None
            last = await tx.metrics.roll_up(level, start, end, after=after, limit=at_once)
            if last is not None:
                # Whether these were the last is found out here, so that a sample can't come between
                # the rows that are made and the note that they are.
                last = await tx.metrics.roll_up(level, start, end, after=last, limit=1)
            if last is None:
                noted = await tx.metrics.note_rolled_up(level, end, was=start)
            return last

        await _all_series(run, self._clock, make, rest=ROLL_UP_REST)
        return noted


class PurgeMetrics(Job):
    """Deletes what is older than its level is kept, but nothing that is not rolled up yet; and
    everything of environments that are gone."""

    name = "purge-metrics"
    description = "Deletes values that are older than they are kept."
    run_missed = True
    interval = timedelta(hours=1)
    timeout = timedelta(minutes=30)

    def __init__(self, settings: MetricsSettings, clock: Clock) -> None:
        self._clock = clock
        self._kept = retentions(settings)

    async def run(self, run: JobRun) -> None:
        """Series by series, a few in each transaction."""
        now = self._clock.now()
        async with run.transaction() as tx:
            made = await tx.metrics.rolled_up()
        for level, kept in self._kept.items():
            before = now - kept
            if (coarser := _coarser(level)) is not None:
                before = min(before, made.get(coarser, EPOCH))
            await self._delete(run, level, before)

    async def _delete(self, run: JobRun, level: Level, before: datetime) -> None:
        async def delete(tx: Transaction, after: int) -> int | None:
            return await tx.metrics.purge(level, before, after=after, limit=PURGED_AT_ONCE)

        await _all_series(run, self._clock, delete, rest=PURGE_REST)


async def _taken_back(tx: Transaction) -> Mapping[Level, datetime]:
    """How far each level is made, none further than the finer one of which it is made.

    A sample that comes late takes back what is made of it; this takes back what a run has made
    since, of rows without that sample. It is noted before any of them is made anew, so that a run
    which is cut short forgets nothing.
    """
    made = dict(await tx.metrics.rolled_up())
    for level, step in STEPS.items():
        was, finer = made.get(level), made.get(_finer(level))
        if level.finer is Level.RAW or was is None or finer is None:
            continue
        if (until := floor(finer, step)) < was:
            await tx.metrics.note_rolled_up(level, until, was=was)
            made[level] = until
    return made


async def _all_series(
    run: JobRun,
    clock: Clock,
    step: Callable[[Transaction, int], Awaitable[int | None]],
    *,
    rest: float,
) -> None:
    """Some series in each transaction, and time in between for whoever else waits to write."""
    after: int | None = 0
    while after is not None:
        began = clock.monotonic()
        async with run.transaction() as tx:
            after = await step(tx, after)
        await asyncio.sleep(min(rest * (clock.monotonic() - began), LONGEST_REST))


def _finer(level: Level) -> Level:
    return level.finer or Level.RAW


def _coarser(level: Level) -> Level | None:
    return next((each for each in Level if each.finer is level), None)
