"""Faults around samples and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agentbox.testing.storage import (
    CrudTests,
    ErrorTests,
    RaceTests,
    RollbackTests,
    TimeTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.people import CommitsAnyway
from tests.storage.faulty.spoilt import MeasuresOtherwise, Spoilt


class MixesUpSeries(MeasuresOtherwise):
    """Tells a series by its type alone."""

    right = "WHERE environment_id = $1 AND type = $2"
    wrong = "WHERE $1 = $1 AND type = $2 ORDER BY id LIMIT 1"


class RoundsValues(Spoilt):
    """Keeps whole numbers."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.put

        async def put(at: datetime, samples: Sequence[Any]) -> None:
            await right(at, [msgspec.structs.replace(s, value=round(s.value)) for s in samples])

        tx.metrics.put = put


class AddsWhatIsPut(Spoilt):
    """Takes the second collection of a tick for another process's."""

    def spoil(self, tx: Any) -> None:
        tx.metrics.put = tx.metrics.add


class AddsWhatIsPutInRaces(AddsWhatIsPut):
    """The same, seen where many collect at once."""


class PutsWhatIsAdded(Spoilt):
    """Keeps what the first process said."""

    def spoil(self, tx: Any) -> None:
        tx.metrics.add = tx.metrics.put


class CountsProcessesOnce(MeasuresOtherwise):
    """Averages over ticks, not over samples."""

    right = "samples = metric_raw.samples + 1"
    wrong = "samples = 1"


class ChartsTheFirst(MeasuresOtherwise):
    """Takes the first of a step for the last."""

    right = "ORDER BY at DESC"
    wrong = "ORDER BY at"


class BeginsInTheMiddle(Spoilt):
    """Begins with the step in which the span begins."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.points

        async def points(query: Any) -> Any:
            start = query.start - query.step + timedelta(seconds=1)
            return await right(msgspec.structs.replace(query, start=start))

        tx.metrics.points = points


class EndsInTheMiddle(MeasuresOtherwise):
    """Leaves out the end of the step in which the span ends."""

    right = "at < $4"
    wrong = "at < $4 - $5"


class MakesSeriesOfTheGone(MeasuresOtherwise):
    """Makes a series for whatever is named."""

    right = " SELECT environments.id, $2 FROM environments WHERE environments.id = $1"
    wrong = " SELECT $1, $2 WHERE true"


class HasRoomForFew(Spoilt):
    """Writes the first thousand samples."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.put

        async def put(at: datetime, samples: Sequence[Any]) -> None:
            await right(at, samples[:1000])

        tx.metrics.put = put


class AddsTwice(Spoilt):
    """Reads what is there, and writes the sum later."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.add

        async def add(at: datetime, samples: Sequence[Any]) -> None:
            await right(at, samples)
            await right(at, samples[:1])

        tx.metrics.add = add


class MeasuresAnyway(CommitsAnyway):
    """Commits samples before an exception."""


class KeepsLocalTime(Spoilt):
    """Takes a clock on a wall for the time in UTC."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.put

        async def put(at: datetime, samples: Sequence[Any]) -> None:
            await right(at - at.utcoffset(), samples) if at.utcoffset() else await right(
                at, samples
            )

        tx.metrics.put = put


class TakesAnyNumber(Spoilt):
    """Leaves out what can't be added up, and says nothing."""

    def spoil(self, tx: Any) -> None:
        right = tx.metrics.put

        async def put(at: datetime, samples: Sequence[Any]) -> None:
            await right(at, [sample for sample in samples if abs(sample.value) < 1e299])

        tx.metrics.put = put


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    MixesUpSeries: (CrudTests, "test_a_sample_is_a_point_of_its_own_series"),
    RoundsValues: (CrudTests, "test_a_value_comes_back_exactly"),
    AddsWhatIsPut: (CrudTests, "test_a_tick_that_is_put_twice_is_there_once"),
    PutsWhatIsAdded: (CrudTests, "test_what_is_added_to_a_tick_is_combined"),
    CountsProcessesOnce: (CrudTests, "test_what_is_added_to_a_tick_is_combined"),
    ChartsTheFirst: (CrudTests, "test_a_step_combines_its_samples"),
    BeginsInTheMiddle: (CrudTests, "test_a_chart_has_whole_steps_that_begin_in_its_span"),
    EndsInTheMiddle: (CrudTests, "test_a_chart_has_whole_steps_that_begin_in_its_span"),
    MakesSeriesOfTheGone: (CrudTests, "test_samples_of_no_environment_make_no_series"),
    HasRoomForFew: (CrudTests, "test_many_samples_come_at_once"),
    AddsTwice: (RaceTests, "test_samples_of_one_tick_added_at_once_are_all_there"),
    AddsWhatIsPutInRaces: (RaceTests, "test_a_tick_that_many_put_is_there_once"),
    MeasuresAnyway: (
        RollbackTests,
        "test_samples_and_reports_of_a_transaction_that_failed_are_not_there",
    ),
    KeepsLocalTime: (TimeTests, "test_samples_are_told_by_whole_seconds"),
    TakesAnyNumber: (ErrorTests, "test_a_sample_that_can_t_be_added_up_is_refused"),
}
