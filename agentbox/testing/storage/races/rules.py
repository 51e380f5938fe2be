"""Races for jobs and markers, and rules over several rows."""

from __future__ import annotations

import asyncio

from agentbox.model.access.roles import Role
from agentbox.model.jobs import Lease
from agentbox.model.throttles import Counter, Tally
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page, Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    a_password,
    a_user,
)
from agentbox.testing.storage.races.race import RACERS, TwoInstances, race


class RuleRaceTests(TwoInstances):
    """Rules."""

    async def test_guesses_at_once_are_all_counted(self, both: list[Storage]) -> None:
        counter = Counter("account", "user-1")

        got = await race(both, lambda tx, n: tx.throttles.reserve(counter, NOON, NOON + HOUR))

        running = [tally.running for tally in got if isinstance(tally, Tally)]
        assert sorted(running) == list(range(1, RACERS + 1))

    async def test_one_of_many_claims_a_job(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.jobs.ensure("job", NOON)

        got = await race(both, lambda tx, n: tx.jobs.claim("job", NOON, NOON + HOUR))

        assert got.count(None) == RACERS - 1

    async def test_a_run_is_asked_for_or_put_off_and_not_both(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.jobs.ensure("job", NOON)

        async def step(tx: Transaction, number: int) -> bool:
            if number % 2:
                return await tx.jobs.run_now("job", NOON)
            return await tx.jobs.skip("job", NOON, NOON + HOUR)

        got = await race(both, step)

        assert [got[number] for number in range(1, RACERS, 2)] == [True] * (RACERS // 2)
        async with both[1].transaction(read_only=True) as tx:
            state = await tx.jobs.get("job")
        assert state is not None
        put_off = [got[number] for number in range(0, RACERS, 2)].count(True)
        assert state.asked_at == NOON
        assert (put_off, state.next_due) in ((0, NOON), (1, NOON + HOUR))

    async def test_a_claim_waits_for_what_is_written_under_the_lease(
        self, both: list[Storage]
    ) -> None:
        later = NOON + 2 * HOUR
        async with both[0].transaction() as tx:
            await tx.jobs.ensure("job", NOON)
            lease = await tx.jobs.claim("job", NOON, NOON + HOUR)

        async def claim() -> Lease | None:
            async with both[1].transaction() as tx:
                return await tx.jobs.claim("job", NOON + HOUR, later)

        async with both[0].transaction(lease=lease) as tx:
            claiming = asyncio.create_task(claim())
            await asyncio.wait({claiming}, timeout=0.1)
            assert not claiming.done()
            await tx.users.add(a_user())

        assert await claiming == Lease("job", 2)
        async with both[1].transaction(read_only=True) as tx:
            assert await tx.users.get(a_user().id) is not None

    async def test_a_job_that_is_claimed_meanwhile_is_not_forgotten(
        self, both: list[Storage]
    ) -> None:
        async with both[0].transaction() as tx:
            await tx.jobs.ensure("job", NOON - HOUR)

        async def forget() -> bool:
            async with both[1].transaction() as tx:
                return await tx.jobs.forget("job", NOON)

        async with both[0].transaction() as tx:
            lease = await tx.jobs.claim("job", NOON, NOON + HOUR)
            forgetting = asyncio.create_task(forget())
            await asyncio.wait({forgetting}, timeout=0.1)

        assert not await forgetting
        async with both[1].transaction(lease=lease) as tx:
            assert await tx.jobs.get("job") is not None

    async def test_one_of_many_writes_a_marker(self, both: list[Storage]) -> None:
        got = await race(both, lambda tx, n: tx.markers.claim("name", str(n)))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]
        async with both[0].transaction(read_only=True) as tx:
            assert await tx.markers.get("name") == str(got.index(True))

    async def test_a_rule_over_several_rows_holds_under_the_lock(self, both: list[Storage]) -> None:
        admins = [a_user(str(n), role=Role.SUPER_ADMIN) for n in range(RACERS)]
        async with both[0].transaction() as tx:
            for admin in admins:
                await tx.users.add(admin)

        async def demote_unless_last(tx: Transaction, number: int) -> bool:
            await tx.lock("super_admins")
            if await tx.users.count(UserFilter(role=Role.SUPER_ADMIN)) == 1:
                return False
            return await tx.users.replace(a_user(str(number), role=Role.USER))

        got = await race(both, demote_unless_last)

        assert sorted(map(str, got)) == ["False"] + ["True"] * (RACERS - 1)
        async with both[0].transaction(read_only=True) as tx:
            assert len(await tx.users.list(UserFilter(role=Role.SUPER_ADMIN), Page(9))) == 1

    async def test_many_writers_all_get_their_turn(self, both: list[Storage]) -> None:
        async def add(tx: Transaction, number: int) -> None:
            await tx.users.add(a_user(str(number)))
            await asyncio.sleep(0)
            await tx.passwords.put(a_password(str(number)))

        assert await race(both, add) == [None] * RACERS

        async with both[1].transaction(read_only=True) as tx:
            assert await tx.users.count(UserFilter()) == RACERS
