"""Counters of guesses, and addresses that accounts are known at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agentbox.model.throttles import Counter, Penalty, Tally
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import HOUR, NOON, TICK
from agentbox.testing.storage.harness import StorageTests

PAIR = Counter("pair", "account-1", "192.0.2.7")
ACCOUNT = Counter("account", "account-1")
ADDRESS = Counter("address", "", "192.0.2.7")
TOTAL = Counter("total")
ALL: Sequence[Counter] = (PAIR, ACCOUNT, ADDRESS, TOTAL)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def a_penalty(limit: int = 3, now: datetime = NOON) -> Penalty:
    """Five minutes, then blocks of five, ten and fifteen."""
    first, second, third = (now + minutes * MINUTE for minutes in (5, 10, 15))
    return Penalty(limit, first, (first, second, third), now - DAY)


async def guess_wrong(
    tx: Transaction, counter: Counter, now: datetime = NOON, *, limit: int = 3
) -> Tally:
    """One guess, reserved and failed at once."""
    await tx.throttles.reserve(counter, now, now + MINUTE)
    return await tx.throttles.fail(counter, now, a_penalty(limit, now))


class ThrottleTests(StorageTests):
    """Throttles."""

    async def test_guesses_run_until_they_fail_or_never_were(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for counter in ALL:
                first = await tx.throttles.reserve(counter, NOON, NOON + MINUTE)
                assert (first.failures, first.running, first.blocks) == (0, 1, 0)
            assert (await tx.throttles.reserve(PAIR, NOON, NOON + MINUTE)).running == 2

            failed = await tx.throttles.fail(PAIR, NOON, a_penalty())
            assert failed == Tally(1, 1, NOON + 5 * MINUTE, 0)
            await tx.throttles.release(PAIR)

            assert await tx.throttles.reserve(PAIR, NOON, NOON + MINUTE) == Tally(
                1, 1, NOON + 5 * MINUTE, 0
            )
            other = Counter("pair", "account-1", "192.0.2.8")
            assert (await tx.throttles.reserve(other, NOON, NOON + MINUTE)).failures == 0
            assert (await tx.throttles.reserve(ACCOUNT, NOON, NOON + MINUTE)).failures == 0

    async def test_failures_count_from_the_first_until_their_time_ends(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            await guess_wrong(tx, PAIR)
            ends_at = NOON + 5 * MINUTE
            assert await guess_wrong(tx, PAIR, ends_at - TICK) == Tally(2, 0, ends_at, 0)

            again = await tx.throttles.reserve(PAIR, ends_at, ends_at + MINUTE)
            assert again.failures == 0
            await tx.throttles.release(PAIR)
            assert await guess_wrong(tx, PAIR, ends_at) == Tally(1, 0, ends_at + 5 * MINUTE, 0)

    async def test_the_failure_at_the_limit_blocks_longer_each_time(self, storage: Storage) -> None:
        now = NOON
        async with storage.transaction() as tx:
            for blocks, minutes in ((1, 5), (2, 10), (3, 15), (4, 15)):
                await guess_wrong(tx, ACCOUNT, now, limit=2)
                reached = await guess_wrong(tx, ACCOUNT, now + MINUTE, limit=2)
                now += (minutes + 1) * MINUTE
                assert reached == Tally(2, 0, now, blocks)

            now += DAY  # its blocks are forgotten
            await guess_wrong(tx, ACCOUNT, now, limit=2)
            reached = await guess_wrong(tx, ACCOUNT, now, limit=2)
            assert reached == Tally(2, 0, now + 5 * MINUTE, 1)

            assert (await guess_wrong(tx, TOTAL, now, limit=1)).blocks == 1

    async def test_a_guess_that_was_never_settled_is_forgotten(self, storage: Storage) -> None:
        until = NOON + MINUTE
        async with storage.transaction() as tx:
            await tx.throttles.reserve(PAIR, NOON, until)
            # One that began to run later does not keep the first for longer.
            assert (await tx.throttles.reserve(PAIR, until - TICK, until + HOUR)).running == 2
            assert (await tx.throttles.reserve(PAIR, until, until + HOUR)).running == 1
            await tx.throttles.release(PAIR)
            await tx.throttles.release(PAIR)
            assert (await tx.throttles.reserve(PAIR, until, until + HOUR)).running == 1

    async def test_clearing_a_counter_leaves_what_runs(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for counter in ALL:
                await guess_wrong(tx, counter, limit=1)
                await tx.throttles.reserve(counter, NOON, NOON + MINUTE)
                await tx.throttles.reserve(counter, NOON, NOON + MINUTE)

            await tx.throttles.clear(PAIR, NOON)

            for counter in ALL:
                tally = await tx.throttles.reserve(counter, NOON, NOON + MINUTE)
                assert (tally.failures, tally.running, tally.blocks) == (
                    (0, 2, 0) if counter == PAIR else (1, 3, 1)
                )

    async def test_lifting_frees_one_account_everywhere(self, storage: Storage) -> None:
        elsewhere = Counter("pair", "account-1", "2001:db8::/64")
        others = (ADDRESS, TOTAL, Counter("account", "account-2"))
        async with storage.transaction() as tx:
            for counter in (PAIR, elsewhere, ACCOUNT, *others):
                await guess_wrong(tx, counter, limit=1)

            assert await tx.throttles.lift("account-1", NOON) == 3
            assert await tx.throttles.lift("account-1", NOON) == 0
            assert await tx.throttles.lift("nobody", NOON) == 0

            for counter in (PAIR, elsewhere, ACCOUNT):
                tally = await tx.throttles.reserve(counter, NOON, NOON + MINUTE)
                assert (tally.failures, tally.blocks) == (0, 0)
            for counter in others:
                tally = await tx.throttles.reserve(counter, NOON, NOON + MINUTE)
                assert (tally.failures, tally.blocks) == (1, 1)

    async def test_an_address_is_known_since_its_last_success(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.throttles.note_success("account-1", "192.0.2.7", NOON)
            await tx.throttles.note_success("account-1", "192.0.2.7", NOON - HOUR)

            assert await tx.throttles.known("account-1", "192.0.2.7", NOON - TICK)
            assert not await tx.throttles.known("account-1", "192.0.2.7", NOON)
            assert not await tx.throttles.known("account-1", "192.0.2.8", NOON - HOUR)
            assert not await tx.throttles.known("account-2", "192.0.2.7", NOON - HOUR)

            await tx.throttles.note_success("account-1", "192.0.2.7", NOON + HOUR)
            assert await tx.throttles.known("account-1", "192.0.2.7", NOON)

    async def test_an_account_is_forgotten_as_a_whole(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for counter in ALL:
                await guess_wrong(tx, counter)
            for account in ("account-1", "account-2"):
                await tx.throttles.note_success(account, "192.0.2.7", NOON)

            await tx.throttles.forget("account-1")

            failures = [
                (await tx.throttles.reserve(counter, NOON, NOON + MINUTE)).failures
                for counter in ALL
            ]
            assert failures == [0, 0, 1, 1]
            assert not await tx.throttles.known("account-1", "192.0.2.7", NOON - HOUR)
            assert await tx.throttles.known("account-2", "192.0.2.7", NOON - HOUR)
