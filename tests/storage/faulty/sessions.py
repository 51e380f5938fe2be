"""Faults around sessions that go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from agentbox.testing.storage import CrudTests, RaceTests, TimeTests
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


class ShortensAllFlows(Spoilt):
    """Makes room among the logins of others too."""

    def spoil(self, tx: Any) -> None:
        async def shorten(authenticator_id: str, keep: int) -> int:
            rows = await tx._db.fetch(
                "DELETE FROM login_flows WHERE (expires_at, id) <= (SELECT expires_at, id FROM"
                " login_flows ORDER BY expires_at DESC, id DESC LIMIT 1 OFFSET $1) RETURNING id",
                keep,
            )
            return len(rows)

        tx.login_flows.shorten = shorten


class ShortensFromTheWrongEnd(Spoilt):
    """Lets go who began last."""

    def spoil(self, tx: Any) -> None:
        async def shorten(authenticator_id: str, keep: int) -> int:
            rows = await tx._db.fetch(
                "DELETE FROM login_flows WHERE authenticator_id = $1 AND expires_at >= (SELECT"
                " expires_at FROM login_flows WHERE authenticator_id = $1 ORDER BY expires_at"
                " LIMIT 1 OFFSET $2) RETURNING id",
                authenticator_id,
                keep,
            )
            return len(rows)

        tx.login_flows.shorten = shorten


class TakesWhatItFinds(Spoilt):
    """Uses up what was only looked at."""

    def spoil(self, tx: Any) -> None:
        async def find(flow_id: str, now: datetime) -> Any:
            return await tx.login_flows.take(flow_id, "totp", now)

        tx.login_flows.find = find


class TakesFlowsOfOthers(Spoilt):
    """Uses up a login of another authenticator before it looks whose it is."""

    def spoil(self, tx: Any) -> None:
        async def take(flow_id: str, authenticator_id: str, now: datetime) -> Any:
            flow = await tx.login_flows.find(flow_id, now)
            if flow is None:
                return None
            await tx._db.fetch("DELETE FROM login_flows WHERE id = $1", flow_id)
            return flow if flow.authenticator_id == authenticator_id else None

        tx.login_flows.take = take


class FindsTheExpired(Spoilt):
    """Finds logins that are over."""

    def spoil(self, tx: Any) -> None:
        right = tx.login_flows.find

        async def find(flow_id: str, now: datetime) -> Any:
            return await right(flow_id, now - timedelta(days=1))

        tx.login_flows.find = find


class MixesUpUsers(Spoilt):
    """Gives sessions that are asked for together the user of one of them."""

    def spoil(self, tx: Any) -> None:
        right = tx.sessions.with_users

        async def with_users(session_ids: Any) -> Any:
            found = await right(session_ids)
            return [(session, found[0][1]) for session, _ in found]

        tx.sessions.with_users = with_users


FAULTS: Mapping[type[SqliteStorage], tuple[type, str]] = {
    ShortensAllFlows: (CrudTests, "test_login_flows_give_way_to_newer_ones"),
    ShortensFromTheWrongEnd: (CrudTests, "test_login_flows_give_way_to_newer_ones"),
    TakesFlowsOfOthers: (CrudTests, "test_a_login_flow_of_another_authenticator_is_not_taken"),
    TakesWhatItFinds: (CrudTests, "test_a_login_flow_is_found_as_often_as_it_is_looked_for"),
    FindsTheExpired: (TimeTests, "test_a_microsecond_decides"),
    RotatesFromMemory: (RaceTests, "test_one_of_many_goes_on_with_a_session"),
    RotatesFromAnywhere: (CrudTests, "test_a_session_goes_on_from_its_generation_alone"),
    RotatesTheDead: (CrudTests, "test_a_session_that_is_over_does_not_go_on"),
    MixesUpUsers: (CrudTests, "test_sessions_come_with_their_own_users"),
    ForgetsNonces: (CrudTests, "test_a_session_comes_back_with_every_field"),
    ListsTheIdle: (CrudTests, "test_live_sessions_of_a_user_are_listed_newest_first"),
}
