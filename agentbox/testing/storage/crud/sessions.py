"""Sessions, and logins that wait for another step."""

from __future__ import annotations

from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_login_flow, a_session, a_user
from agentbox.testing.storage.harness import StorageTests


class SessionTests(StorageTests):
    """Sessions and login flows."""

    async def test_a_session_comes_back_with_every_field(self, storage: Storage) -> None:
        session = a_session(
            amr=("pwd", "otp"), ended_at=NOON + TICK, ip="192.0.2.1", user_agent="curl/8"
        )
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(session)
            await tx.sessions.add(a_session("plain", amr=()))
            assert await tx.sessions.get(session.id) == session
            assert await tx.sessions.get("plain") == a_session("plain", amr=())
            assert await tx.sessions.get("none") is None

    async def test_a_session_ends_once_and_stays_ended(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            assert await tx.sessions.end("session-1", NOON + TICK)
            assert not await tx.sessions.end("session-1", NOON + HOUR)
            assert not await tx.sessions.end("none", NOON)
            assert await tx.sessions.get("session-1") == a_session(ended_at=NOON + TICK)

    async def test_all_sessions_of_a_user_end_but_the_one_to_keep(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            for id_ in ("one", "two", "kept"):
                await tx.sessions.add(a_session(id_))
            await tx.sessions.add(a_session("ended", ended_at=NOON))
            await tx.sessions.add(a_session("elsewhere", user_id="other"))

            assert await tx.sessions.end_all("user-1", NOON + TICK, keep="kept") == 2

            assert await tx.sessions.get("one") == a_session("one", ended_at=NOON + TICK)
            assert await tx.sessions.get("kept") == a_session("kept")
            assert await tx.sessions.get("ended") == a_session("ended", ended_at=NOON)
            assert await tx.sessions.get("elsewhere") == a_session("elsewhere", user_id="other")
            assert await tx.sessions.end_all("user-1", NOON + TICK) == 1

    async def test_live_sessions_of_a_user_are_listed_newest_first(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.users.add(a_user("other"))
            for id_ in ("one", "two", "three"):
                await tx.sessions.add(a_session(id_))
            await tx.sessions.add(a_session("newest", created_at=NOON + TICK))
            await tx.sessions.add(a_session("ended", ended_at=NOON))
            await tx.sessions.add(a_session("expired", expires_at=NOON + TICK))
            await tx.sessions.add(a_session("elsewhere", user_id="other"))

        async def listed(page: Page) -> list[str]:
            async with storage.transaction(read_only=True) as tx:
                return [each.id for each in await tx.sessions.list("user-1", NOON + TICK, page)]

        assert await listed(Page(9)) == ["newest", "two", "three", "one"]
        assert await listed(Page(2, offset=1)) == ["two", "three"]
        assert await listed(Page(9, after=(NOON, "two"))) == ["three", "one"]
        assert await listed(Page(1, 1, after=(NOON + TICK, "newest"))) == ["three"]
        assert await listed(Page(9, after=(NOON, "one"))) == []
        async with storage.transaction(read_only=True) as tx:
            assert await tx.sessions.count("user-1", NOON + TICK) == 4
            assert await tx.sessions.count("user-1", NOON + HOUR) == 0
            assert await tx.sessions.list("other", NOON, Page(9)) == [
                a_session("elsewhere", user_id="other")
            ]

    async def test_a_login_flow_is_taken_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", NOON) == a_login_flow()
            assert await tx.login_flows.take("flow-1", NOON) is None

    async def test_an_expired_login_flow_is_not_taken(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", NOON + HOUR) is None
