"""Sessions, and logins that wait for another step."""

from __future__ import annotations

from agentbox.plugin.storage import Page, Storage
from agentbox.testing.samples import HOUR, NOON, TICK, a_login_flow, a_session, a_user
from agentbox.testing.storage.harness import StorageTests


class SessionTests(StorageTests):
    """Sessions and login flows."""

    async def test_a_session_comes_back_with_every_field(self, storage: Storage) -> None:
        session = a_session(
            amr=("pwd", "otp"),
            ended_at=NOON + TICK,
            ip="192.0.2.1",
            user_agent="curl/8",
            generation=2**40,
            nonce=b"\x00\xff",
            rotated_at=NOON + TICK,
            idle_until=NOON + 2 * TICK,
            last_used=NOON + 3 * TICK,
        )
        bare = a_session("bare", nonce=None, idle_until=None, last_used=None)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(session)
            await tx.sessions.add(a_session("plain", amr=()))
            await tx.sessions.add(bare)
            assert await tx.sessions.get(session.id) == session
            assert await tx.sessions.get("bare") == bare
            assert await tx.sessions.get("plain") == a_session("plain", amr=())
            assert await tx.sessions.get("none") is None

    async def test_login_flows_give_way_to_newer_ones(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            assert await tx.login_flows.shorten("redirect", 0) == 0
            for number in (2, 0, 3, 1):
                ends = NOON + number * TICK
                flow = a_login_flow(str(number), authenticator_id="redirect", expires_at=ends)
                await tx.login_flows.add(flow)
            await tx.login_flows.add(a_login_flow("another", expires_at=NOON - HOUR))

            assert await tx.login_flows.shorten("redirect", 4) == 0
            assert await tx.login_flows.shorten("redirect", 3) == 1
            assert await tx.login_flows.shorten("redirect", 1) == 2

            before = NOON - 2 * HOUR
            left = [id_ for id_ in "0123" if await tx.login_flows.find(id_, before) is not None]
            assert left == ["3"]
            assert await tx.login_flows.shorten("redirect", 0) == 1
            assert await tx.login_flows.find("another", before) is not None

    async def test_sessions_come_with_their_own_users(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for user in "ab":
                await tx.users.add(a_user(user))
            made = [a_session(str(number), user_id="ab"[number % 2]) for number in range(5)]
            for session in made:
                await tx.sessions.add(session)

        async with storage.transaction(read_only=True, single=True) as tx:
            found = await tx.sessions.with_users(["4", "none", "0", "1", "0"])
            assert sorted(found, key=lambda each: each[0].id) == [
                (made[at], a_user("ab"[at % 2])) for at in (0, 1, 4)
            ]

    async def test_a_session_ends_once_and_stays_ended(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            assert await tx.sessions.end("session-1", NOON + TICK)
            assert not await tx.sessions.end("session-1", NOON + HOUR)
            assert not await tx.sessions.end("none", NOON)
            assert await tx.sessions.get("session-1") == a_session(ended_at=NOON + TICK)

    async def test_a_session_goes_on_from_its_generation_alone(self, storage: Storage) -> None:
        then, until = NOON + TICK, NOON + HOUR / 2
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session(generation=4))
            for other in (0, 3, 5):
                assert await tx.sessions.rotate("session-1", other, then, until) is None
            assert await tx.sessions.rotate("none", 4, then, until) is None
            assert await tx.sessions.get("session-1") == a_session(generation=4)

            rotated = await tx.sessions.rotate("session-1", 4, then, until)

            assert rotated == a_session(
                generation=5, rotated_at=then, idle_until=until, last_used=then
            )
            assert await tx.sessions.get("session-1") == rotated
            assert await tx.sessions.rotate("session-1", 4, then, until) is None

    async def test_a_session_that_is_over_does_not_go_on(self, storage: Storage) -> None:
        over = [
            a_session("ended", ended_at=NOON),
            a_session("expired", expires_at=NOON + TICK),
            a_session("idle", idle_until=NOON + TICK),
            a_session("old", idle_until=None, nonce=None),
        ]
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            for session in over:
                await tx.sessions.add(session)
                later = NOON + HOUR
                assert await tx.sessions.rotate(session.id, 0, NOON + TICK, later) is None
                assert await tx.sessions.get(session.id) == session

    async def test_who_is_authenticated_anew_is_noted(self, storage: Storage) -> None:
        ended = a_session("ended", ended_at=NOON)
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session(amr=("otp",)))
            await tx.sessions.add(ended)
            assert await tx.sessions.renew("session-1", NOON + TICK, ["pwd"])
            assert not await tx.sessions.renew("ended", NOON + TICK, ["pwd"])
            assert not await tx.sessions.renew("none", NOON + TICK, ["pwd"])
            assert await tx.sessions.get("session-1") == a_session(auth_time=NOON + TICK)
            assert await tx.sessions.get("ended") == ended

    async def test_last_uses_of_sessions_only_move_forwards(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())
            await tx.sessions.add(a_session("unused", last_used=None))
            await tx.sessions.touch({})
            await tx.sessions.touch({"session-1": NOON + HOUR, "unused": NOON - HOUR, "gone": NOON})
            await tx.sessions.touch({"session-1": NOON, "unused": NOON})
            assert await tx.sessions.get("session-1") == a_session(last_used=NOON + HOUR)
            assert await tx.sessions.get("unused") == a_session("unused", last_used=NOON)

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
            await tx.sessions.add(a_session("idle", idle_until=NOON + TICK))
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
            assert await tx.sessions.count(None, NOON + TICK) == 5
            assert await tx.sessions.list("other", NOON, Page(9)) == [
                a_session("elsewhere", user_id="other")
            ]

    async def test_a_login_flow_is_taken_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", "totp", NOON) == a_login_flow()
            assert await tx.login_flows.take("flow-1", "totp", NOON) is None

    async def test_a_login_flow_of_another_authenticator_is_not_taken(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
        for another in ("", "TOTP", "totp ", "core:redirect"):
            async with storage.transaction() as tx:
                assert await tx.login_flows.take("flow-1", another, NOON) is None
        async with storage.transaction() as tx:
            assert await tx.login_flows.take("flow-1", "totp", NOON) == a_login_flow()

    async def test_a_login_flow_is_found_as_often_as_it_is_looked_for(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            await tx.login_flows.add(a_login_flow("other"))
        for _ in range(2):
            async with storage.transaction(read_only=True, single=True) as tx:
                assert await tx.login_flows.find("flow-1", NOON) == a_login_flow()
        async with storage.transaction() as tx:
            assert await tx.login_flows.find("none", NOON) is None
            assert await tx.login_flows.take("flow-1", "totp", NOON) == a_login_flow()
            assert await tx.login_flows.find("flow-1", NOON) is None
            assert await tx.login_flows.find("other", NOON) == a_login_flow("other")

    async def test_an_expired_login_flow_is_not_taken(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.login_flows.add(a_login_flow())
            assert await tx.login_flows.take("flow-1", "totp", NOON + HOUR) is None
