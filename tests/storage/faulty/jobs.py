"""Faults around the rows of jobs, and in what a job deletes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agentbox.model.jobs import JobState, Lease
from agentbox.testing.storage import CrudTests, PurgeTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import Spoilt


class ForgetsWhoRan(Spoilt):
    """Does not write down which process has a job."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.claim

        async def claim(
            name: str, now: datetime, lease_until: datetime, by: str = ""
        ) -> Lease | None:
            lease: Lease | None = await right(name, now, lease_until)
            return lease

        tx.jobs.claim = claim


class SaysThatAllWentWell(Spoilt):
    """Writes down that every run went well."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.finish

        async def finish(lease: Lease, next_due: datetime, *, at: datetime, outcome: str) -> bool:
            return bool(await right(lease, next_due, at=at, outcome="ok"))

        tx.jobs.finish = finish


class ListsBackwards(Spoilt):
    """Lists jobs in another order."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.list

        async def listed() -> Sequence[JobState]:
            return list(reversed(await right()))

        tx.jobs.list = listed


class AsksOverAHolder(Spoilt):
    """Says that a run is asked for while one goes on."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.run_now

        async def run_now(name: str, now: datetime) -> bool:
            return await right(name, now) or await tx.jobs.get(name) is not None

        tx.jobs.run_now = run_now


class PutsOffAnyDate(Spoilt):
    """Puts off a run whatever date it was thought to have."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.skip

        async def skip(name: str, due: datetime, next_due: datetime) -> bool:
            state = await tx.jobs.get(name)
            return state is not None and await right(name, state.next_due, next_due)

        tx.jobs.skip = skip


class PutsOffWhatIsAskedFor(Spoilt):
    """Puts off a run that somebody has asked for."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.skip

        async def skip(name: str, due: datetime, next_due: datetime) -> bool:
            state = await tx.jobs.get(name)
            return bool(await right(name, due, next_due)) or (
                state is not None and state.asked_at is not None
            )

        tx.jobs.skip = skip


class SendsOtherwise(Spoilt):
    """Sends another text wherever a statement about jobs has `right`."""

    right = ""
    wrong = ""

    def spoil(self, tx: Any) -> None:
        fetch = tx._db.fetch

        async def rewritten(sql: str, *values: Any) -> Any:
            about = " jobs " in sql and self.right in sql
            return await fetch(sql.replace(self.right, self.wrong) if about else sql, *values)

        tx._db.fetch = rewritten


class EndsBeforeItBegan(SendsOtherwise):
    """Leaves the begin of a run as a clock that was ahead has told it."""

    right = "last_started > $4"
    wrong = "false"


class ForgetsWhoAskedLate(SendsOtherwise):
    """Takes a run that was asked for while another went on for that one."""

    right = "asked_at > last_started"
    wrong = "false"


class BelievesWhoAskedAhead(SendsOtherwise):
    """Leaves when a run was asked for as a clock that was ahead has told it."""

    right = "asked_at > $2"
    wrong = "false"


class LeavesABeginningAhead(SendsOtherwise):
    """Leaves the begin of a run that is given back undone as a clock that was ahead has told it."""

    right = "last_started > $3"
    wrong = "false"


class RenewsWhatIsLeftUndone(SendsOtherwise):
    """Prolongs a lease that was given back with its run undone."""

    right = "lease_until <> last_finished"
    wrong = "true"


class DropsWhatIsLeftUndone(SendsOtherwise):
    """Ends a lease without a trace, so that its run may be put off."""

    right = "lease_until = $3, last_started"
    wrong = "lease_until = NULL, last_started"


class LeavesUndoneWhatIsDone(SendsOtherwise):
    """Gives a run back undone that has ended."""

    right = "fence = $2 AND lease_until IS NOT NULL RETURNING"
    wrong = "fence = $2 RETURNING"


class PutsRightWhatHasChanged(Spoilt):
    """Ends a lease that was renewed or taken over meanwhile."""

    def spoil(self, tx: Any) -> None:
        right = tx.jobs.correct

        async def correct(state: JobState, *, next_due: datetime, lease_until: datetime) -> bool:
            now = await tx.jobs.get(state.name)
            return bool(await right(now, next_due=next_due, lease_until=lease_until))

        tx.jobs.correct = correct


class LeavesTheDate(SendsOtherwise):
    """Puts the end of a lease right, and not when the job is due."""

    right = "next_due = $4, "


class MovesTheFence(SendsOtherwise):
    """Takes the job from who has it, where it puts the end of the lease right."""

    right = "next_due = $4, "
    wrong = "next_due = $4, fence = fence + 1, "


class ForgetsWhatIsDueLater(SendsOtherwise):
    """Deletes the row of a job that is due in the future and was not begun lately."""

    right = "next_due < $2"
    wrong = "$2 = $2"


class ForgetsWhatIsHeld(SendsOtherwise):
    """Deletes the row of a job that a process had lately."""

    right = "lease_until IS NULL OR lease_until < $2"
    wrong = "$2 = $2"


class ForgetsWhatIsAskedFor(SendsOtherwise):
    """Deletes the row of a job that somebody asked for lately."""

    right = "asked_at IS NULL OR asked_at < $2"
    wrong = "$2 = $2"


class ForgetsNoneThatWasNotBegun(SendsOtherwise):
    """Keeps the row of a job that was never begun."""

    right = "last_started IS NULL OR last_started < $2"
    wrong = "last_started < $2"


class PurgesOneBatch(Spoilt):
    """Says that all is gone after it has deleted some."""

    done = False

    def spoil(self, tx: Any) -> None:
        right = tx.login_flows.purge

        async def purge(before: datetime) -> int:
            if self.done:
                return 0
            self.done = True
            return int(await right(before))

        tx.login_flows.purge = purge


FORGOTTEN = "test_rows_of_jobs_go_once_nobody_has_had_them_for_long"
LEFT_UNDONE = "test_a_run_that_is_left_undone_comes_to_the_next_as_it_was"

FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    ForgetsWhoRan: (CrudTests, "test_of_the_last_run_is_kept_when_and_how_and_by_whom"),
    SaysThatAllWentWell: (CrudTests, "test_of_the_last_run_is_kept_when_and_how_and_by_whom"),
    ListsBackwards: (CrudTests, "test_jobs_are_listed_by_name"),
    AsksOverAHolder: (
        CrudTests,
        "test_a_run_that_is_asked_for_is_claimed_before_it_is_due",
    ),
    EndsBeforeItBegan: (CrudTests, "test_a_run_does_not_end_before_it_began"),
    LeavesABeginningAhead: (CrudTests, "test_a_run_does_not_end_before_it_began"),
    RenewsWhatIsLeftUndone: (CrudTests, LEFT_UNDONE),
    DropsWhatIsLeftUndone: (CrudTests, LEFT_UNDONE),
    LeavesUndoneWhatIsDone: (CrudTests, LEFT_UNDONE),
    ForgetsWhoAskedLate: (
        CrudTests,
        "test_a_run_that_is_asked_for_while_the_holder_is_slow_is_still_to_come",
    ),
    BelievesWhoAskedAhead: (
        CrudTests,
        "test_a_run_that_was_asked_for_by_a_clock_that_was_ahead_comes_once",
    ),
    PutsRightWhatHasChanged: (
        CrudTests,
        "test_nothing_is_put_right_where_the_lease_has_changed",
    ),
    LeavesTheDate: (CrudTests, "test_what_a_clock_that_was_ahead_has_written_is_put_right"),
    MovesTheFence: (CrudTests, "test_what_a_clock_that_was_ahead_has_written_is_put_right"),
    ForgetsWhatIsDueLater: (PurgeTests, FORGOTTEN),
    ForgetsWhatIsHeld: (PurgeTests, FORGOTTEN),
    ForgetsWhatIsAskedFor: (PurgeTests, FORGOTTEN),
    ForgetsNoneThatWasNotBegun: (PurgeTests, FORGOTTEN),
    PurgesOneBatch: (PurgeTests, "test_what_is_over_goes_however_much_it_is"),
    PutsOffAnyDate: (CrudTests, "test_a_run_that_nobody_began_is_put_off"),
    PutsOffWhatIsAskedFor: (
        CrudTests,
        "test_neither_a_run_that_goes_on_nor_one_that_is_asked_for_is_put_off",
    ),
}
