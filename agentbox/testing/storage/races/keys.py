"""Races for API keys and signing keys."""

from __future__ import annotations

import asyncio

from agentbox.errors import Conflict
from agentbox.model.api_keys import RateMark
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import (
    HOUR,
    NOON,
    TICK,
    a_digest,
    a_session,
    a_signing_key,
    a_user,
    an_api_key,
)
from agentbox.testing.storage.races.race import RACERS, TwoInstances, race

HOURLY = NOON.replace(minute=0, second=0, microsecond=0)


class KeyRaceTests(TwoInstances):
    """Keys."""

    async def test_one_of_many_revokes_a_key(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        got = await race(both, lambda tx, n: tx.api_keys.revoke("key-1", NOON + n * TICK))

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

        assert await race(both, use_or_revoke) == [None] * RACERS

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

        got = await race(both, change_or_revoke)

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

        got = await race(both, rotate)

        assert got.count(None) == 1
        assert [type(answer) for answer in got].count(Conflict) == RACERS - 1

    async def test_a_signing_key_retired_by_many_ends_when_the_first_says(
        self, both: list[Storage]
    ) -> None:
        async with both[0].transaction() as tx:
            await tx.signing_keys.add(a_signing_key())

        got = await race(
            both, lambda tx, n: tx.signing_keys.retire("signing-1", NOON + (n + 1) * TICK)
        )

        assert got[0] is True
        async with both[1].transaction(read_only=True) as tx:
            assert [key.retired_at for key in await tx.signing_keys.list()] == [NOON + TICK]

    async def test_uses_that_are_counted_at_once_add_up(self, both: list[Storage]) -> None:
        hour = HOURLY
        async with both[0].transaction() as tx:
            await tx.users.add(a_user())
            await tx.api_keys.add(an_api_key(), a_digest())

        got = await race(both, lambda tx, n: tx.api_key_usage.add({("key-1", hour): n + 1}))

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

        assert await race(both, one_more) == [True] * RACERS

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

        assert await race(both, use) == [None] * RACERS
        last = NOON + (RACERS - 1) * TICK
        async with both[1].transaction(read_only=True) as tx:
            for id_ in (ids[0], ids[-1]):
                key, session = await tx.api_keys.get(id_), await tx.sessions.get(id_)
                uses = await tx.api_key_usage.list(id_, HOURLY, HOURLY + HOUR)
                assert key is not None
                assert session is not None
                assert (key.last_used, session.last_used) == (last, last)
                assert list(uses) == [(HOURLY, RACERS)]
