"""Faults around people, transactions, texts and times."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agentbox.errors import AgentboxError, Conflict
from agentbox.model.jobs import Lease
from agentbox.plugin.migrations import MigrationFolder, SchemaStatus, read_folders
from agentbox.plugin.sql import SqlTransaction
from agentbox.plugin.storage import Change
from agentbox.testing.storage import (
    ChangeTests,
    CrudTests,
    DurabilityTests,
    ErrorTests,
    ListTests,
    MigrationTests,
    PurgeTests,
    RaceTests,
    RollbackTests,
    TextTests,
    TimeTests,
    UniquenessTests,
)
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import NoForeignKeys, Spoilt


class ForgetsLogins(Spoilt):
    """Reads every field of a user but one."""

    def spoil(self, tx: Any) -> None:
        right = tx.users.get

        async def get(user_id: str) -> Any:
            user = await right(user_id)
            return user and msgspec.structs.replace(user, last_login=None)

        tx.users.get = get


class KeepsKeysOfTheDead(NoForeignKeys):
    """Deletes a user and leaves what hangs on it."""


class ListsOldestFirst(Spoilt):
    """Has the order of a list the wrong way round."""

    def spoil(self, tx: Any) -> None:
        right = tx.users.list

        async def list_(*args: Any) -> Any:
            return list(reversed(await right(*args)))

        tx.users.list = list_


class IgnoresCursors(Spoilt):
    """Begins every page at the beginning of the list."""

    def spoil(self, tx: Any) -> None:
        right = tx.users.list

        async def list_(where: Any, page: Any) -> Any:
            return await right(where, msgspec.structs.replace(page, after=None))

        tx.users.list = list_


class TakesEveryName(Spoilt):
    """Swallows conflicts."""

    def spoil(self, tx: Any) -> None:
        right = tx.users.add

        async def add(user: Any) -> None:
            try:
                await right(user)
            except Conflict:
                return

        tx.users.add = add


class EndsTwice(Spoilt):
    """Ends a session without looking whether it has ended."""

    def spoil(self, tx: Any) -> None:
        async def end(session_id: str, now: datetime) -> bool:
            await tx._db.fetch("UPDATE sessions SET ended_at = $2 WHERE id = $1", session_id, now)
            return True

        tx.sessions.end = end


class CountsFromMemory(Spoilt):
    """Decides a rule over several rows from what it saw before the lock."""

    seen: int | None = None

    def spoil(self, tx: Any) -> None:
        right = tx.users.count

        async def count(where: Any) -> int:
            self.seen = await right(where) if self.seen is None else self.seen
            return self.seen

        tx.users.count = count


class CommitsAnyway(Spoilt):
    """Commits what was done before an exception."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        raised: BaseException | None = None
        async with super().transaction(read_only=read_only, single=single, lease=lease) as tx:
            try:
                yield tx
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised


class IgnoresLeases(Spoilt):
    """Lets a job write that has lost its lease."""

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        async with super().transaction(read_only=read_only, single=single) as tx:
            yield tx


class TellsNobody(Spoilt):
    """Forgets what has changed."""

    def spoil(self, tx: Any) -> None:
        tx.changed = lambda change: None


class TellsTooEarly(Spoilt):
    """Tells of changes before they are committed, and of those that never are."""

    def spoil(self, tx: Any) -> None:
        def changed(change: Change) -> None:
            self._tell([change])

        tx.changed = changed


class RoundsTimes(Spoilt):
    """Keeps milliseconds only."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.instant

        def instant(value: Any) -> datetime:
            exact: datetime = right(value)
            return exact - timedelta(microseconds=exact.microsecond % 1000)

        tx._db.instant = instant


class NormalisesText(Spoilt):
    """Composes what was decomposed."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.fetch

        async def fetch(sql: str, *values: Any) -> Any:
            return await right(
                sql,
                *(unicodedata.normalize("NFC", v) if isinstance(v, str) else v for v in values),
            )

        tx._db.fetch = fetch


class PurgesTooMuch(Spoilt):
    """Takes sessions that expire just now."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.purge

        async def purge(before: datetime) -> int:
            return int(await right(before + timedelta(microseconds=1)))

        tx.sessions.purge = purge


class ForgetsOnClosing(Spoilt):
    """Has nothing left when it is opened again."""

    forgotten = "users"

    @asynccontextmanager
    async def open(self, *, brief: bool = False) -> AsyncIterator[None]:
        async with super().open(brief=brief):
            yield
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(f"DELETE FROM {self.forgotten}")


class MissesEdits(SqliteStorage):
    """Never sees drift."""

    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        return msgspec.structs.replace(super().schema_status(folders), drifted=())


class RollsBackInOrderOfFolders(SqliteStorage):
    """Believes that migrations were applied in the order they would be applied in today."""

    def schema_status(self, folders: Sequence[MigrationFolder]) -> SchemaStatus:
        status = super().schema_status(folders)
        applied = tuple(m.id for m in read_folders(folders) if m.id in status.applied)
        return msgspec.structs.replace(status, applied=applied, history=applied)

    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        if down_to is not None:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                for number, migration in enumerate(read_folders(folders), -1000):
                    connection.execute(
                        "UPDATE agentbox_migrations SET position = ? WHERE id = ?",
                        (number, migration.id),
                    )
        return super().migrate(folders, down_to=down_to)


class MigratesWithoutRecord(SqliteStorage):
    """Says that it has migrated and does nothing."""

    def migrate(
        self, folders: Sequence[MigrationFolder], *, down_to: str | None = None
    ) -> Sequence[str]:
        return self.schema_status(folders).pending


class LeaksDriverErrors(Spoilt):
    """Lets the driver's own exceptions out."""

    def spoil(self, tx: Any) -> None:
        right = tx._db.fetch

        async def fetch(sql: str, *values: Any) -> Any:
            try:
                return await right(sql, *values)
            except AgentboxError as error:
                raise (error.__cause__ or error) from None

        tx._db.fetch = fetch


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    ForgetsLogins: (CrudTests, "test_a_user_comes_back_with_every_field"),
    KeepsKeysOfTheDead: (CrudTests, "test_deleting_a_user_takes_all_that_hangs_on_it"),
    ListsOldestFirst: (ListTests, "test_users_are_listed_newest_first"),
    IgnoresCursors: (ListTests, "test_users_are_listed_on_from_a_row"),
    TakesEveryName: (UniquenessTests, "test_a_username_is_unique_without_regard_to_case"),
    EndsTwice: (RaceTests, "test_one_of_many_ends_a_session"),
    CountsFromMemory: (RaceTests, "test_a_rule_over_several_rows_holds_under_the_lock"),
    CommitsAnyway: (RollbackTests, "test_an_exception_undoes_everything"),
    IgnoresLeases: (RollbackTests, "test_a_job_that_lost_its_lease_writes_nothing"),
    TellsNobody: (ChangeTests, "test_a_listener_hears_before_the_transaction_returns"),
    TellsTooEarly: (ChangeTests, "test_a_rollback_tells_nobody"),
    RoundsTimes: (TimeTests, "test_an_instant_comes_back_exactly"),
    NormalisesText: (TextTests, "test_columns_keep_a_text_exactly"),
    PurgesTooMuch: (PurgeTests, "test_sessions_go_once_they_have_expired"),
    ForgetsOnClosing: (DurabilityTests, "test_commits_are_there_after_reopening"),
    MissesEdits: (MigrationTests, "test_an_edited_migration_is_refused"),
    RollsBackInOrderOfFolders: (
        MigrationTests,
        "test_going_down_goes_by_the_order_of_applying",
    ),
    MigratesWithoutRecord: (MigrationTests, "test_going_up_applies_all_once"),
    LeaksDriverErrors: (ErrorTests, "test_what_no_database_takes_is_refused"),
}
