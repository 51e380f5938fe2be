"""Faults around counters of guesses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agentbox.testing.storage import CrudTests, PurgeTests, RaceTests, RollbackTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.people import CommitsAnyway
from tests.storage.faulty.spoilt import Spoilt


class Rewritten(Spoilt):
    """Sends another text wherever a statement has `right`."""

    right = ""
    wrong = ""

    def spoil(self, tx: Any) -> None:
        fetch = tx._db.fetch

        async def rewritten(sql: str, *values: Any) -> Any:
            if "throttles" in sql or "known_addresses" in sql:
                sql = sql.replace(self.right, self.wrong)
            return await fetch(sql, *values)

        tx._db.fetch = rewritten


class CountsFromTheLast(Rewritten):
    """Lets each failure begin the time anew."""

    right = "WHEN ends_at <= $4 THEN $7 ELSE ends_at END"
    wrong = "ELSE $7 END"


class BlocksAlike(Rewritten):
    """Makes no block longer than the first."""

    right = "THEN $9"
    wrong = "THEN $8"


class KeepsTheDead(Rewritten):
    """Waits for guesses of a process that is gone."""

    right = "throttles.running_until <= $4 THEN 1"
    wrong = "throttles.running < 0 THEN 1"


class ClearsWhatRuns(Rewritten):
    """Takes guesses that run with the failures."""

    right = "running = CASE WHEN running > 0 THEN running - 1 ELSE 0 END, failures = 0"
    wrong = "running = 0, failures = 0"


class LiftsOneTier(Rewritten):
    """Leaves an account blocked at each address."""

    right = "tier IN ('pair', 'account') AND account = $1 AND"
    wrong = "tier = 'account' AND account = $1 AND"


class GoesBackInTime(Rewritten):
    """Lets a late success make the last one earlier."""

    right = " WHERE known_addresses.last_success < excluded.last_success"
    wrong = ""


class ForgetsHalf(Rewritten):
    """Keeps where somebody who is gone has been."""

    right = "DELETE FROM known_addresses WHERE account = $1"
    wrong = "DELETE FROM known_addresses WHERE account = $1 AND address = ''"


class PurgesBlocks(Rewritten):
    """Forgets with a counter that it has blocked."""

    right = " AND (blocks = 0 OR ends_at < $2)"
    wrong = " AND $2 = $2"


class ReadsThenWrites(Spoilt):
    """Counts in two steps, of which others see the first."""

    def spoil(self, tx: Any) -> None:
        right = tx.throttles.reserve

        async def reserve(counter: Any, now: datetime, until: datetime) -> Any:
            tally = await right(counter, now, until)
            await asyncio.sleep(0)
            await tx.throttles.release(counter)
            return tally

        tx.throttles.reserve = reserve


class RefundsLate(Spoilt):
    """Settles a guess as if it ran a minute longer."""

    def spoil(self, tx: Any) -> None:
        right = tx.throttles.fail

        async def fail(counter: Any, now: datetime, penalty: Any) -> Any:
            return await right(counter, now + timedelta(minutes=1), penalty)

        tx.throttles.fail = fail


class ChargesAnyway(CommitsAnyway):
    """Commits what was counted before an exception."""


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    CountsFromTheLast: (CrudTests, "test_failures_count_from_the_first_until_their_time_ends"),
    BlocksAlike: (CrudTests, "test_the_failure_at_the_limit_blocks_longer_each_time"),
    KeepsTheDead: (CrudTests, "test_a_guess_that_was_never_settled_is_forgotten"),
    ClearsWhatRuns: (CrudTests, "test_clearing_a_counter_leaves_what_runs"),
    LiftsOneTier: (CrudTests, "test_lifting_frees_one_account_everywhere"),
    GoesBackInTime: (CrudTests, "test_an_address_is_known_since_its_last_success"),
    ForgetsHalf: (CrudTests, "test_an_account_is_forgotten_as_a_whole"),
    RefundsLate: (CrudTests, "test_failures_count_from_the_first_until_their_time_ends"),
    PurgesBlocks: (PurgeTests, "test_counters_of_guesses_go_once_they_say_nothing"),
    ReadsThenWrites: (RaceTests, "test_guesses_at_once_are_all_counted"),
    ChargesAnyway: (RollbackTests, "test_a_guess_that_is_refused_charges_nothing"),
}
