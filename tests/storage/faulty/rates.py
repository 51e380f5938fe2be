"""Faults around the marks of limited API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from agentbox.model.api_keys import RateMark
from agentbox.model.jobs import Lease
from agentbox.plugin.sql import SqlTransaction
from agentbox.testing.storage import CrudTests, PurgeTests, RaceTests, RollbackTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.people import CommitsAnyway
from tests.storage.faulty.spoilt import NoForeignKeys, Spoilt


class KeepsTheFirstMarks(Spoilt):
    """Leaves the marks that are there."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_key_rates.put

        async def put(key_id: str, marks: Sequence[RateMark]) -> bool:
            return bool(await tx.api_key_rates.get(key_id)) or bool(await right(key_id, marks))

        tx.api_key_rates.put = put


class KeepsFewMarks(Spoilt):
    """Has room for a hundred marks, and forgets the others."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_key_rates.put

        async def put(key_id: str, marks: Sequence[RateMark]) -> bool:
            return bool(await right(key_id, marks[-100:]))

        tx.api_key_rates.put = put


class KeepsMarksOfTheGone(NoForeignKeys):
    """Deletes a key and leaves its marks."""


class MarksTheGone(Spoilt):
    """Says that marks were put for a key that is not there."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_key_rates.put

        async def put(key_id: str, marks: Sequence[RateMark]) -> bool:
            await right(key_id, marks)
            return True

        tx.api_key_rates.put = put


class ReadsBeforeItsTurn(SqliteStorage):
    """Gives marks as they were before the transaction waited for others."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=True) as before:
            marks = await before.api_key_rates.get("key-1")

        async def get(key_id: str) -> Sequence[RateMark]:
            return marks

        async with super().transaction(read_only=read_only, single=single, lease=lease) as tx:
            if not read_only:
                tx.api_key_rates.get = get  # type: ignore[method-assign]
            yield tx


class PurgesLiveMarks(Spoilt):
    """Takes marks that are no older than is said."""

    def spoil(self, tx: Any) -> None:
        right = tx.api_key_rates.purge

        async def purge(before: datetime) -> int:
            return int(await right(before + timedelta(microseconds=1)))

        tx.api_key_rates.purge = purge


class MarksAnyway(CommitsAnyway):
    """Commits marks before an exception."""


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    KeepsTheFirstMarks: (
        CrudTests,
        "test_marks_of_a_limited_key_are_put_in_the_place_of_others",
    ),
    KeepsFewMarks: (CrudTests, "test_marks_of_a_limited_key_are_put_in_the_place_of_others"),
    KeepsMarksOfTheGone: (
        CrudTests,
        "test_marks_go_with_their_key_and_none_are_put_for_one_that_is_gone",
    ),
    MarksTheGone: (
        CrudTests,
        "test_marks_go_with_their_key_and_none_are_put_for_one_that_is_gone",
    ),
    ReadsBeforeItsTurn: (RaceTests, "test_marks_put_under_the_lock_are_all_there"),
    PurgesLiveMarks: (PurgeTests, "test_marks_go_once_the_last_of_their_key_is_old"),
    MarksAnyway: (RollbackTests, "test_a_use_that_is_refused_leaves_no_mark"),
}
