"""Faults around what is rolled up, and what is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agentbox.errors import StorageError
from agentbox.model.jobs import Lease
from agentbox.model.metrics import Level
from agentbox.plugin.sql import SqlTransaction
from agentbox.testing.storage import (
    CrudTests,
    PurgeTests,
    RaceTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import MeasuresOtherwise, Spoilt


class RollsUpTheFirst(MeasuresOtherwise):
    """Keeps the first of a step as its last."""

    right = "max(at) AS newest"
    wrong = "min(at) AS newest"


class RollsUpOnce(MeasuresOtherwise):
    """Leaves what is made already."""

    right = "DO UPDATE SET samples = excluded.samples,"
    wrong = "DO UPDATE SET samples = metric_minutes.samples,"


class RollsUpWhatIsLeft(MeasuresOtherwise):
    """Puts a late sample in the place of all that were there."""

    right = " WHERE excluded.samples >= metric_minutes.samples"
    wrong = ""


class OverlooksTheOldest(MeasuresOtherwise):
    """Says that there is nothing where there is."""

    right = ".at >= $1)) FROM metric_series"
    wrong = ".at > $1)) FROM metric_series"


class RollsUpEverything(Spoilt):
    """Makes all series at once, and says that it has."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.roll_up

        async def roll_up(level: Level, start: datetime, end: datetime, **walk: int) -> Any:
            return await right(level, start, end, after=walk["after"], limit=1000)

        tx.metrics.roll_up = roll_up


class ReadsOneLevel(Spoilt):
    """Shows nothing of what is not made yet."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.points

        async def points(query: Any) -> Any:
            until = (await tx.metrics.rolled_up()).get(query.level, query.end)
            end = query.end if query.level is Level.RAW else min(query.end, until)
            return await right(msgspec.structs.replace(query, end=end))

        tx.metrics.points = points


class ForgetsFractions(Spoilt):
    """Ends with the second before its end."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.points

        async def points(query: Any) -> Any:
            end = query.end.replace(microsecond=0)
            return await right(msgspec.structs.replace(query, end=end))

        tx.metrics.points = points


class ReadsLevelsTwice(MeasuresOtherwise):
    """Adds finer rows to what is made of them."""

    right = "CASE WHEN until > $3 THEN until ELSE $3 END"
    wrong = "CASE WHEN until > $3 THEN $3 ELSE $3 END"


class AveragesAverages(MeasuresOtherwise):
    """Forgets how many samples a point stands for."""

    right = "sum(COALESCE(total, last * samples)) / sum(samples)"
    wrong = "avg(COALESCE(total, last * samples) / samples)"


class NotesWithoutLooking(MeasuresOtherwise):
    """Says that it is made, whatever was taken back meanwhile."""

    right = " WHERE level = $1 AND until = $4"
    wrong = " WHERE level = $1 AND $4 = $4"


class NotesWhatIsTakenBack(MeasuresOtherwise):
    """Says that it is made, whatever came late while it was."""

    right = " making = CASE WHEN making > "
    wrong = " making = CASE WHEN 0 * making > "


class LeavesTheLateOut(MeasuresOtherwise):
    """Never makes anew what is made."""

    right = "UPDATE metric_levels SET until = CASE WHEN until > "
    wrong = "UPDATE metric_levels SET until = CASE WHEN 0 * until > "


class ShowsTheLateByTheMinute(MeasuresOtherwise):
    """Makes the minute anew, and no hour of it."""

    right = " WHERE level IN ('minute', 'hour', 'day')"
    wrong = " WHERE level IN ('minute')"


class PurgesYoungSamples(Spoilt):
    """Deletes a second more than it should."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.purge

        async def purge(level: Level, before: datetime, **walk: int) -> Any:
            return await right(level, before + timedelta(seconds=1), **walk)

        tx.metrics.purge = purge


class StopsHalfway(Spoilt):
    """Goes on to the next series although the one before has old rows left."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.purge

        async def purge(level: Level, before: datetime, *, after: int, limit: int) -> Any:
            last = await right(level, before, after=after, limit=limit)
            return after + 1 if last == after else last

        tx.metrics.purge = purge


class KeepsEmptySeries(MeasuresOtherwise):
    """Leaves a series of which nothing is left."""

    right = "DELETE FROM metric_series WHERE id > $1"
    wrong = "DELETE FROM metric_series WHERE false AND id > $1"


class LosesSeries(MeasuresOtherwise):
    """Deletes a series that has older points."""

    right = " AND NOT EXISTS (SELECT 1 FROM metric_minutes"
    wrong = " OR NOT EXISTS (SELECT 1 FROM metric_raw"


class KeepsSamplesOfTheGone(MeasuresOtherwise):
    """Lets series of environments that are gone wait until they are old."""

    right = "SELECT metric_series.id, metric_series.environment_id, environments.id"
    wrong = "SELECT metric_series.id, '', environments.id"


class ReadsSeriesBeforeItsTurn(SqliteStorage):
    """Writes samples to the series that there were before the transaction waited for others."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=True) as before:
            try:
                numbers = await before._db.fetch(
                    "SELECT environment_id, type, id FROM metric_series"
                )
            except StorageError:
                numbers = ()
        async with super().transaction(read_only=read_only, single=single, lease=lease) as tx:
            fetch = tx._db.fetch

            async def too_early(sql: str, *values: Any) -> Any:
                known = sql.startswith("SELECT environment_id, type, id") and numbers
                return numbers if known else await fetch(sql, *values)

            tx._db.fetch = too_early  # type: ignore[method-assign]
            yield tx


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    AveragesAverages: (CrudTests, "test_a_level_is_made_of_the_finer_one"),
    RollsUpTheFirst: (CrudTests, "test_a_level_is_made_of_the_finer_one"),
    RollsUpOnce: (CrudTests, "test_a_level_is_made_anew_in_its_span_alone"),
    RollsUpEverything: (CrudTests, "test_a_level_is_made_a_few_series_at_a_time"),
    RollsUpWhatIsLeft: (CrudTests, "test_a_row_is_not_made_anew_of_fewer_samples"),
    OverlooksTheOldest: (
        CrudTests,
        "test_the_oldest_row_is_of_any_series_and_of_its_level_alone",
    ),
    ReadsOneLevel: (CrudTests, "test_a_chart_reads_finer_levels_from_where_its_own_ends"),
    ReadsLevelsTwice: (CrudTests, "test_a_chart_reads_finer_levels_from_where_its_own_ends"),
    ForgetsFractions: (CrudTests, "test_a_chart_ends_within_a_second_as_within_any_step"),
    NotesWithoutLooking: (
        CrudTests,
        "test_how_far_a_level_is_made_is_moved_by_whoever_knows_how_far_it_was",
    ),
    NotesWhatIsTakenBack: (
        CrudTests,
        "test_a_sample_that_comes_while_a_level_is_made_takes_that_back",
    ),
    LeavesTheLateOut: (
        CrudTests,
        "test_a_sample_that_comes_late_takes_back_what_was_made_without_it",
    ),
    ShowsTheLateByTheMinute: (
        CrudTests,
        "test_a_sample_that_comes_late_takes_back_what_was_made_without_it",
    ),
    PurgesYoungSamples: (PurgeTests, "test_samples_go_level_by_level_once_they_are_old"),
    StopsHalfway: (PurgeTests, "test_however_many_rows_of_a_series_are_old_they_all_go"),
    KeepsEmptySeries: (PurgeTests, "test_a_series_without_any_row_goes_too"),
    LosesSeries: (PurgeTests, "test_a_series_without_any_row_goes_too"),
    KeepsSamplesOfTheGone: (
        PurgeTests,
        "test_series_of_an_environment_that_is_gone_go_whatever_their_age",
    ),
    ReadsSeriesBeforeItsTurn: (
        RaceTests,
        "test_no_series_is_deleted_under_samples_that_are_put",
    ),
}
