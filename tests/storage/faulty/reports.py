"""Faults around reports of environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agentbox.testing.storage import (
    CrudTests,
    RaceTests,
    TimeTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import MeasuresOtherwise, NoForeignKeys, Spoilt


class ForgetsWhatIsLeftOut(MeasuresOtherwise):
    """Writes nothing over something."""

    right = "THEN environment_reports.sandboxes END"
    wrong = "THEN NULL END"


class KeepsTheFirstReport(MeasuresOtherwise):
    """Takes what an environment said first for what it says."""

    right = "COALESCE(excluded.memory_bytes, CASE"
    wrong = "COALESCE(environment_reports.memory_bytes, CASE"


class BelievesTheLate(MeasuresOtherwise):
    """Takes the time of what comes late."""

    right = "excluded.reported_at < environment_reports.reported_at"
    wrong = "false"


class LosesTheLate(MeasuresOtherwise):
    """Keeps what was said by a clock that is ahead."""

    right = "COALESCE(excluded.sandboxes, CASE"
    wrong = (
        "COALESCE(CASE WHEN excluded.reported_at < environment_reports.reported_at"
        " THEN environment_reports.sandboxes ELSE excluded.sandboxes END, CASE"
    )


class BelievesTheLateInRaces(BelievesTheLate):
    """The same, seen where many report at once."""


class HearsOfTheGone(Spoilt):
    """Says that a report was kept for an environment that is not there."""

    def spoil(self, tx: Any) -> None:
        right = tx.reports.put

        async def put(report: Any) -> bool:
            await right(report)
            return True

        tx.reports.put = put


class WritesTheFirstOfMany(Spoilt):
    """Says that all of many were kept, and writes one of each environment."""

    def spoil(self, tx: Any) -> None:
        right = tx.reports.put_all

        async def put_all(reports: Sequence[Any]) -> Any:
            first = {each.environment_id: each for each in reversed(reports)}
            return await right([*first.values()])

        tx.reports.put_all = put_all


class KeepsReportsOfTheGone(NoForeignKeys):
    """Deletes an environment and leaves its report."""


class LooksUpOneByOne(Spoilt):
    """Gives the report of the first that is asked for."""

    def spoil(self, tx: Any) -> None:
        right = tx.reports.get

        async def get(environment_ids: Sequence[str]) -> Any:
            return await right(environment_ids[:1])

        tx.reports.get = get


class WaitsForTheFirstReport(MeasuresOtherwise):
    """Takes an environment that has never reported for one that does not run."""

    right = "environment_reports.reported_at IS NULL OR"
    wrong = "false OR"


class StaysSilent(MeasuresOtherwise):
    """Holds the silence before a start against an environment."""

    right = "OR environments.started_at >= $1"
    wrong = ""


class SaysItOfTheNextRun(MeasuresOtherwise):
    """Fills up what is said of a run with what was said of the one before."""

    right = "begun.started_at > environment_reports.reported_at"
    wrong = "false"


class TellsOfTheRunBefore(Spoilt):
    """Gives the last report, whenever the environment was started."""

    def spoil(self, tx: Any) -> None:
        right, get = tx.reports.running, tx.reports.get

        async def running(fresh_since: datetime) -> Any:
            found = await right(fresh_since)
            reports = await get([each.id for each in found])
            return [each._replace(report=reports.get(each.id)) for each in found]

        tx.reports.running = running


class RunsWhateverItsStatus(MeasuresOtherwise):
    """Asks for the reports alone."""

    right = "environments.status = 'running'"
    wrong = "true"


class ReportsInSeconds(Spoilt):
    """Forgets the fraction of a second at which something was reported."""

    def spoil(self, tx: Any) -> None:
        right = tx.reports.put

        async def put(report: Any) -> bool:
            at = report.reported_at.replace(microsecond=0)
            return bool(await right(msgspec.structs.replace(report, reported_at=at)))

        tx.reports.put = put


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    KeepsTheFirstReport: (CrudTests, "test_a_report_is_written_over_the_one_before"),
    ForgetsWhatIsLeftOut: (CrudTests, "test_what_a_report_leaves_out_stays_as_it_was"),
    BelievesTheLate: (
        CrudTests,
        "test_what_is_written_last_counts_and_the_time_never_goes_back",
    ),
    WritesTheFirstOfMany: (CrudTests, "test_many_are_written_one_after_the_other"),
    LosesTheLate: (
        CrudTests,
        "test_what_is_written_last_counts_and_the_time_never_goes_back",
    ),
    HearsOfTheGone: (CrudTests, "test_a_report_of_no_environment_is_not_kept"),
    KeepsReportsOfTheGone: (CrudTests, "test_a_report_goes_with_its_environment"),
    LooksUpOneByOne: (CrudTests, "test_reports_of_many_are_looked_up_at_once"),
    WaitsForTheFirstReport: (
        CrudTests,
        "test_an_environment_runs_unless_it_has_fallen_silent",
    ),
    RunsWhateverItsStatus: (
        CrudTests,
        "test_an_environment_runs_unless_it_has_fallen_silent",
    ),
    StaysSilent: (
        CrudTests,
        "test_an_environment_runs_unless_it_has_fallen_silent",
    ),
    SaysItOfTheNextRun: (
        CrudTests,
        "test_what_was_said_before_a_start_is_not_said_of_what_was_started",
    ),
    TellsOfTheRunBefore: (
        CrudTests,
        "test_what_was_said_before_a_start_is_not_said_of_what_was_started",
    ),
    BelievesTheLateInRaces: (RaceTests, "test_of_reports_at_once_none_is_lost"),
    ReportsInSeconds: (TimeTests, "test_the_time_of_a_report_comes_back_exactly"),
}
