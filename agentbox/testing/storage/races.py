"""Of many who do the same at once, exactly one succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest_asyncio

from agentbox.errors import Conflict
from agentbox.model.access.roles import Role
from agentbox.model.api_keys import RateMark
from agentbox.model.jobs import Lease
from agentbox.model.throttles import Counter, Tally
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page, Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_grant,
    a_login_flow,
    a_password,
    a_password_reset,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
    an_environment,
)
from agentbox.testing.storage.harness import StorageFactory, StorageTests

RACERS = 16

HOURLY = NOON.replace(minute=0, second=0, microsecond=0)

Step = Callable[[Transaction, int], Awaitable[object]]


async def _race(storages: Sequence[Storage], step: Step) -> list[object]:
    """What each of `RACERS` transactions, spread over the storages, got."""

    async def run(number: int) -> object:
        async with storages[number % len(storages)].transaction() as tx:
            return await step(tx, number)

    return await asyncio.gather(*(run(number) for number in range(RACERS)), return_exceptions=True)


class RaceTests(StorageTests):
    """Two instances on one database, as two processes are, and many tasks in each."""

    @pytest_asyncio.fixture
    async def both(self, storage: Storage, factory: StorageFactory) -> AsyncIterator[list[Storage]]:
        other = factory.make()
        async with other.open():
            yield [storage, other]

    async def test_one_of_many_gets_a_username(self, both: list[Storage]) -> None:
        got = await _race(both, lambda tx, n: tx.users.add(a_user(str(n), username="bob")))

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_one_of_many_ends_a_session(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session())

        got = await _race(both, lambda tx, n: tx.sessions.end("session-1", NOON + n * TICK))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_one_of_many_goes_on_with_a_session(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.sessions.add(a_session(generation=7))

        got = await _race(
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

        assert await _race(both, use_or_end) == [None] * RACERS

        async with both[0].transaction(read_only=True) as tx:
            after = await tx.sessions.get("session-1")
        assert after is not None
        assert after.ended_at == NOON + HOUR

    async def test_one_of_many_revokes_a_key(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        got = await _race(both, lambda tx, n: tx.api_keys.revoke("key-1", NOON + n * TICK))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_a_revoked_key_stays_revoked_beside_its_uses(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        async def use_or_revoke(tx: Transaction, number: int) -> None:
            if number == RACERS // 2:
                await tx.api_keys.revoke("key-1", NOON + HOUR)
            else:
                await tx.api_keys.touch({"key-1": NOON + number * TICK})

        assert await _race(both, use_or_revoke) == [None] * RACERS

        async with both[0].transaction(read_only=True) as tx:
            key = await tx.api_keys.get("key-1")
        assert key is not None
        assert key.revoked_at == NOON + HOUR

    async def test_a_revoked_key_stays_revoked_beside_its_changes(
        self, both: list[Storage]
    ) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        async def change_or_revoke(tx: Transaction, number: int) -> bool:
            if number == RACERS // 2:
                return await tx.api_keys.revoke("key-1", NOON + HOUR)
            return await tx.api_keys.replace(an_api_key(name=str(number)))

        got = await _race(both, change_or_revoke)

        assert got[RACERS // 2] is True
        async with both[0].transaction(read_only=True) as tx:
            key = await tx.api_keys.get("key-1")
        assert key is not None
        assert key.revoked_at == NOON + HOUR

    async def test_one_of_many_rotates_a_key(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        async def rotate(tx: Transaction, number: int) -> None:
            new = an_api_key(f"new-{number}", rotated_from="key-1")
            await tx.api_keys.add(new, a_digest(new.id))

        got = await _race(both, rotate)

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_a_signing_key_retired_by_many_ends_when_the_first_says(
        self, both: list[Storage]
    ) -> None:
        async with both[0].transaction() as tx:
            await tx.signing_keys.add(a_signing_key())

        got = await _race(
            both, lambda tx, n: tx.signing_keys.retire("signing-1", NOON + (n + 1) * TICK)
        )

        assert got[0] is True
        async with both[1].transaction(read_only=True) as tx:
            assert [key.retired_at for key in await tx.signing_keys.list()] == [NOON + TICK]

    async def test_one_of_many_grants_a_permission(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.environments.add(an_environment())

        got = await _race(both, lambda tx, n: tx.grants.add(a_grant(f"grant-{n}")))

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_uses_that_are_counted_at_once_add_up(self, both: list[Storage]) -> None:
        hour = HOURLY
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        got = await _race(both, lambda tx, n: tx.api_key_usage.add({("key-1", hour): n + 1}))

        assert got == [None] * RACERS
        async with both[1].transaction(read_only=True) as tx:
            assert list(await tx.api_key_usage.list("key-1", hour, hour + HOUR)) == [
                (hour, RACERS * (RACERS + 1) // 2)
            ]

    async def test_marks_put_under_the_lock_are_all_there(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        async def one_more(tx: Transaction, number: int) -> bool:
            await tx.lock("rate:key-1")
            marks = await tx.api_key_rates.get("key-1")
            await asyncio.sleep(0)
            return await tx.api_key_rates.put("key-1", [*marks, RateMark(NOON, number)])

        assert await _race(both, one_more) == [True] * RACERS

        async with both[1].transaction(read_only=True) as tx:
            marks = await tx.api_key_rates.get("key-1")
        assert sorted(mark.uses for mark in marks) == list(range(RACERS))

    async def test_uses_of_many_in_any_order_never_wait_in_a_circle(
        self, both: list[Storage]
    ) -> None:
        ids = [f"id-{number:03}" for number in range(200)]
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            for number, id_ in enumerate(ids):
                await tx.api_keys.add(an_api_key(id_), number.to_bytes(32, "big"))
                await tx.sessions.add(a_session(id_))

        async def use(tx: Transaction, number: int) -> None:
            there = ids if number % 4 < 2 else list(reversed(ids))
            await tx.api_keys.touch(dict.fromkeys(there, NOON + number * TICK))
            await tx.api_key_usage.add({(id_, HOURLY): 1 for id_ in there})
            await tx.sessions.touch(dict.fromkeys(there, NOON + number * TICK))

        assert await _race(both, use) == [None] * RACERS
        last = NOON + (RACERS - 1) * TICK
        async with both[1].transaction(read_only=True) as tx:
            for id_ in (ids[0], ids[-1]):
                key, session = await tx.api_keys.get(id_), await tx.sessions.get(id_)
                uses = await tx.api_key_usage.list(id_, HOURLY, HOURLY + HOUR)
                assert key is not None
                assert session is not None
                assert (key.last_used, session.last_used) == (last, last)
                assert list(uses) == [(HOURLY, RACERS)]

    async def test_guesses_at_once_are_all_counted(self, both: list[Storage]) -> None:
        counter = Counter("account", "user-1")

        got = await _race(both, lambda tx, n: tx.throttles.reserve(counter, NOON, NOON + HOUR))

        running = [tally.running for tally in got if isinstance(tally, Tally)]
        assert sorted(running) == list(range(1, RACERS + 1))

    async def test_one_of_many_takes_a_reset_secret(self, both: list[Storage]) -> None:
        reset = a_password_reset()
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.password_resets.put(reset)

        got = await _race(both, lambda tx, n: tx.password_resets.take("user-1", reset.digest, NOON))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

    async def test_one_of_many_takes_a_login_flow(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.login_flows.add(a_login_flow())

        got = await _race(both, lambda tx, n: tx.login_flows.take("flow-1", NOON))

        assert got.count(a_login_flow()) == 1
        assert got.count(None) == RACERS - 1

    async def test_one_of_many_claims_a_job(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.jobs.ensure("job", NOON)

        got = await _race(both, lambda tx, n: tx.jobs.claim("job", NOON, NOON + HOUR))

        assert got.count(None) == RACERS - 1

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

    async def test_one_of_many_writes_a_marker(self, both: list[Storage]) -> None:
        got = await _race(both, lambda tx, n: tx.markers.claim("name", str(n)))

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]
        async with both[0].transaction(read_only=True) as tx:
            assert await tx.markers.get("name") == str(got.index(True))

    async def test_one_of_many_upgrades_a_hash(self, both: list[Storage]) -> None:
        old = a_password()
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.passwords.put(old)

        got = await _race(
            both, lambda tx, n: tx.passwords.upgrade("user-1", old.password_hash, f"new {n}")
        )

        assert sorted(map(str, got)) == ["False"] * (RACERS - 1) + ["True"]

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

        got = await _race(both, demote_unless_last)

        assert sorted(map(str, got)) == ["False"] + ["True"] * (RACERS - 1)
        async with both[0].transaction(read_only=True) as tx:
            assert len(await tx.users.list(UserFilter(role=Role.SUPER_ADMIN), Page(9))) == 1

    async def test_many_writers_all_get_their_turn(self, both: list[Storage]) -> None:
        async def add(tx: Transaction, number: int) -> None:
            await tx.users.add(a_user(str(number)))
            await asyncio.sleep(0)
            await tx.passwords.put(a_password(str(number)))

        assert await _race(both, add) == [None] * RACERS

        async with both[1].transaction(read_only=True) as tx:
            assert await tx.users.count(UserFilter()) == RACERS
