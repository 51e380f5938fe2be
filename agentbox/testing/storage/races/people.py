"""Races for users, sessions and sign-ins."""

from __future__ import annotations

from collections.abc import Awaitable

from agentbox.errors import Conflict
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_grant,
    a_login_flow,
    a_password,
    a_password_reset,
    a_session,
    a_user,
    an_environment,
    an_identity,
)
from agentbox.testing.storage.races.race import RACERS, TwoInstances, race


class PeopleRaceTests(TwoInstances):
    """People."""

    async def test_one_of_many_gets_a_username(self, both: list[Storage]) -> None:
        got = await race(both, lambda tx, n: tx.users.add(a_user(str(n), username="bob")))

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_one_of_many_ends_a_session(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())

        got = await race(both, lambda tx, n: tx.sessions.end("session-1", NOON + n * TICK))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_one_of_many_goes_on_with_a_session(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session(generation=7))

        got = await race(
            both, lambda tx, n: tx.sessions.rotate("session-1", 7, NOON + n * TICK, NOON + HOUR)
        )

        assert got.count(None) == RACERS - 1
        async with both[1].transaction(read_only=True) as tx:
            after = await tx.sessions.get("session-1")
        assert after is not None
        assert after.generation == 8
        assert got.count(after) == 1

    async def test_an_ended_session_stays_ended_beside_its_uses(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())

        async def use_or_end(tx: Transaction, number: int) -> None:
            if number == RACERS // 2:
                await tx.sessions.end("session-1", NOON + HOUR)
            else:
                await tx.sessions.rotate("session-1", number, NOON, NOON + HOUR)
                await tx.sessions.touch({"session-1": NOON + number * TICK})

        assert await race(both, use_or_end) == [None] * RACERS

        async with both[0].transaction(read_only=True) as tx:
            after = await tx.sessions.get("session-1")
        assert after is not None
        assert after.ended_at == NOON + HOUR

    async def test_one_of_many_grants_a_permission(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())

        got = await race(both, lambda tx, n: tx.grants.add(a_grant(f"grant-{n}")))

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_one_of_many_takes_a_reset_secret(self, both: list[Storage]) -> None:
        reset = a_password_reset()
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.password_resets.put(reset)

        got = await race(both, lambda tx, n: tx.password_resets.take("user-1", reset.digest, NOON))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_one_of_many_links_an_identity(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            for number in range(RACERS):
                await tx.users.add(a_user(str(number)))

        def link(tx: Transaction, number: int) -> Awaitable[object]:
            return tx.identities.add(
                an_identity(str(number), user_id=str(number), subject="the same")
            )

        got = await race(both, link)

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1
        async with both[0].transaction(read_only=True) as tx:
            linked = await tx.identities.find(an_identity().issuer, "the same")
        assert linked is not None
        assert linked.id == str(got.index(None))

    async def test_one_of_many_unlinks_an_identity(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.identities.add(an_identity())

        got = await race(both, lambda tx, n: tx.identities.unlink("identity-1", NOON))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_many_are_taken_away_from_a_user_at_once(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            for number in range(RACERS):
                await tx.identities.add(an_identity(str(number)))

        got = await race(both, lambda tx, n: tx.identities.unlink(str(n), NOON))

        assert got == [True] * RACERS
        async with both[0].transaction(read_only=True) as tx:
            assert await tx.identities.unlinked_of("user-1") == {an_identity().linked_by}

    async def test_one_of_many_links_an_identity_again(self, both: list[Storage]) -> None:
        gone = an_identity("gone", user_id="0", subject="the same")
        async with both[0].transaction() as tx:
            for number in range(RACERS):
                await tx.users.add(a_user(str(number)))
            await tx.identities.add(gone)
            await tx.identities.unlink(gone.id, NOON)

        got = await race(
            both,
            lambda tx, n: tx.identities.add(
                an_identity(str(n), user_id=str(n), subject="the same")
            ),
        )

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1
        winner = str(got.index(None))
        async with both[0].transaction(read_only=True) as tx:
            linked = await tx.identities.find(gone.issuer, "the same")
            assert linked is not None
            assert linked.id == winner

    async def test_one_of_many_takes_a_login_flow(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.login_flows.add(a_login_flow())

        got = await race(both, lambda tx, n: tx.login_flows.take("flow-1", "totp", NOON))

        assert got.count(a_login_flow()) == 1
        assert got.count(None) == RACERS - 1

    async def test_many_who_make_room_for_a_login_flow_at_once_all_get_it(
        self, both: list[Storage]
    ) -> None:
        async def begin(tx: Transaction, number: int) -> None:
            await tx.login_flows.shorten("totp", 3)
            ends = NOON + number * TICK
            await tx.login_flows.add(a_login_flow(f"{turn}-{number}", expires_at=ends))

        for turn in range(3):  # noqa: B007  # `begin` reads it
            assert await race(both, begin) == [None] * RACERS
            async with both[0].transaction() as tx:
                # Those who are added at the same moment don't see each other.
                assert await tx.login_flows.shorten("totp", 3 + RACERS) == 0

    async def test_one_of_many_upgrades_a_hash(self, both: list[Storage]) -> None:
        old = a_password()
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.passwords.put(old)

        got = await race(
            both, lambda tx, n: tx.passwords.upgrade("user-1", old.password_hash, f"new {n}")
        )

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]
