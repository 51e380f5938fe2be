"""Faults around sessions that go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from agentbox.testing.storage import CrudTests, RaceTests
from agentbox_sqlite.storage import SqliteStorage
from tests.storage.faulty.spoilt import Spoilt


class RotatesFromMemory(Spoilt):
    """Compares with the generation that it saw first, and sets what it was asked for."""

    seen: Any = None

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.rotate

        async def rotate(
            session_id: str, generation: int, now: datetime, idle_until: datetime
        ) -> Any:
            self.seen = self.seen or await tx.sessions.get(session_id)
            there = await tx.sessions.get(session_id)
            if self.seen is None or self.seen.generation != generation:
                return None
            return await right(session_id, there.generation, now, idle_until)

        tx.sessions.rotate = rotate


class RotatesFromAnywhere(Spoilt):
    """Goes on from whatever generation there is."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.rotate

        async def rotate(session_id: str, generation: int, *times: datetime) -> Any:
            there = await tx.sessions.get(session_id)
            return there and await right(session_id, there.generation, *times)

        tx.sessions.rotate = rotate


class RotatesTheDead(Spoilt):
    """Goes on with a session whatever has become of it."""

    def spoil(self, tx: Any) -> None:
        async def rotate(
            session_id: str, generation: int, now: datetime, idle_until: datetime
        ) -> Any:
            rows = await tx._db.fetch(
                "UPDATE sessions SET generation = generation + 1, rotated_at = $3, last_used = $3,"
                " idle_until = $4 WHERE id = $1 AND generation = $2 RETURNING id",
                session_id,
                generation,
                now,
                idle_until,
            )
            return await tx.sessions.get(session_id) if rows else None

        tx.sessions.rotate = rotate


class ForgetsNonces(Spoilt):
    """Adds a session without what its refresh tokens are judged by."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.add

        async def add(session: Any) -> None:
            await right(replace(session, nonce=None))

        tx.sessions.add = add


class ListsTheIdle(Spoilt):
    """Lists sessions that nobody can go on with."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.add

        async def add(session: Any) -> None:
            await right(replace(session, idle_until=None))

        tx.sessions.add = add


class CountsAllFlows(Spoilt):
    """Counts on where it could have stopped."""

    def spoil(self, tx: Any) -> None:
        right = tx.login_flows.count

        async def count(at_most: int) -> int:
            return int(await right(1_000_000))

        tx.login_flows.count = count


class MixesUpUsers(Spoilt):
    """Gives sessions that are asked for together the user of one of them."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.with_users

        async def with_users(session_ids: Any) -> Any:
            found = await right(session_ids)
            return [(session, found[0][1]) for session, _ in found]

        tx.sessions.with_users = with_users


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    CountsAllFlows: (CrudTests, "test_login_flows_are_counted_up_to_a_limit"),
    RotatesFromMemory: (RaceTests, "test_one_of_many_goes_on_with_a_session"),
    RotatesFromAnywhere: (CrudTests, "test_a_session_goes_on_from_its_generation_alone"),
    RotatesTheDead: (CrudTests, "test_a_session_that_is_over_does_not_go_on"),
    MixesUpUsers: (CrudTests, "test_sessions_come_with_their_own_users"),
    ForgetsNonces: (CrudTests, "test_a_session_comes_back_with_every_field"),
    ListsTheIdle: (CrudTests, "test_live_sessions_of_a_user_are_listed_newest_first"),
}
