"""Guesses: reserved before they are judged, settled by how that ends, whoever has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentbox.core import guesses as module
from agentbox.core.guesses import KNOWN_FOR, RUNNING_AT_MOST, Guesses
from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidCredentials,
    InvalidPassword,
    LoginIncomplete,
    Overloaded,
    Problem,
    RateLimited,
    StorageError,
)
from agentbox.model.principal import Origin
from agentbox.plugin.storage import Storage
from tests.core.world import LIMITS, World, add_user

ACCOUNT = "account-1"
HERE = Origin("192.0.2.7")


async def guess(world: World, raised: BaseException | None = None, origin: Origin = HERE) -> None:
    """One guess that is judged so; what leaves it."""
    async with world.guesses.judge(ACCOUNT, origin):
        if raised is not None:
            raise raised


async def fail(world: World, times: int, origin: Origin = HERE) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            await guess(world, InvalidCredentials(), origin)


class Held:
    """Guesses that run until `go`."""

    def __init__(self, world: World, count: int, raised: Problem | None) -> None:
        self.go = asyncio.Event()
        self.running = 0
        self.tasks = [asyncio.create_task(self._guess(world, raised)) for _ in range(count)]

    async def _guess(self, world: World, raised: Problem | None) -> None:
        async with world.guesses.judge(ACCOUNT, HERE):
            self.running += 1
            await self.go.wait()
            if raised is not None:
                raise raised


async def held(
    world: World, count: int, raised: Problem | None = None
) -> tuple[asyncio.Event, list[asyncio.Task[None]]]:
    """So many guesses that run, and what lets them end."""
    guesses = Held(world, count, raised)
    while guesses.running < count:
        await asyncio.sleep(0)
    return guesses.go, guesses.tasks


async def running(world: World) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        rows = await tx._db.fetch("SELECT running FROM throttles WHERE tier = 'total'")  # type: ignore[attr-defined]
    return int(rows[0][0]) if rows else 0


@pytest.mark.parametrize("raised", [InvalidCredentials(), InvalidPassword()])
async def test_wrong_passwords_count(world: World, raised: Problem) -> None:
    for _ in range(5):
        with pytest.raises(type(raised)):
            await guess(world, raised)

    with pytest.raises(RateLimited) as refused:
        await guess(world)
    assert refused.value.retry_after == 300
    assert world.counters.value("guesses.throttled") == 1


@pytest.mark.parametrize(
    "raised", [Overloaded(), AuthenticatorUnavailable(), LoginIncomplete(), StorageError("gone")]
)
async def test_what_judges_nothing_does_not_count(world: World, raised: Exception) -> None:
    await fail(world, 4)
    for _ in range(6):
        with pytest.raises(type(raised)):
            await guess(world, raised)

    await fail(world, 1)  # and has cleared nothing either
    with pytest.raises(RateLimited):
        await guess(world)


async def test_a_refused_guess_charges_nothing(world: World) -> None:
    await fail(world, 5)
    world.clock.move(299.5)
    with pytest.raises(RateLimited) as refused:
        await guess(world)
    assert refused.value.retry_after == 1

    world.clock.move(0.5)

    await guess(world)
    assert await running(world) == 0


async def test_a_guess_whose_client_left_has_been_made(world: World) -> None:
    go, tasks = await held(world, 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert await running(world) == 0
    with pytest.raises(RateLimited):
        await guess(world)
    assert not go.is_set()


async def test_what_was_reserved_for_a_client_who_left_is_given_back(world: World) -> None:
    for _ in range(20):
        task = asyncio.create_task(guess(world))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    while world.guesses._tasks:
        await asyncio.wait(world.guesses._tasks)

    assert await running(world) == 0


# PW-08
async def test_a_guess_waits_for_those_that_run_and_then_goes_on(world: World) -> None:
    go, tasks = await held(world, 5)
    waiting = asyncio.create_task(guess(world))
    while not world.guesses._waiting:
        await asyncio.sleep(0)
    assert not waiting.done()

    go.set()

    await asyncio.gather(waiting, *tasks)


# PW-08
async def test_a_guess_that_waited_for_failures_is_throttled(world: World) -> None:
    go, tasks = await held(world, 5, InvalidCredentials())
    waiting = [asyncio.create_task(guess(world)) for _ in range(20)]
    while world.guesses._waiting < len(waiting):
        await asyncio.sleep(0)

    go.set()

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {RateLimited}
    await asyncio.gather(*tasks, return_exceptions=True)


# PW-05
async def test_nobody_waits_for_long_and_few_wait_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    go, tasks = await held(world, 5)
    for most in (100, 0):
        monkeypatch.setattr(module, "MOST_WAITING", most)
        with pytest.raises(Overloaded) as refused:
            await guess(world)
        assert refused.value.retry_after == 1
    go.set()
    await asyncio.gather(*tasks)

    await guess(world)


async def test_what_a_dead_process_reserved_runs_out(world: World) -> None:
    for _ in range(5):
        await world.guesses._reserve(ACCOUNT, "192.0.2.7")

    world.clock.move(RUNNING_AT_MOST.total_seconds())

    await guess(world)


# PW-08
async def test_two_processes_share_the_counts(world: World) -> None:
    other = World(world.storage, clock=world.clock)
    for number in range(5):
        await fail((world, other)[number % 2], 1)

    for each in (world, other):
        with pytest.raises(RateLimited):
            await guess(each)


class Breaking:
    """A storage whose transactions fail when it is told so."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.broken = False

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Any]:
        if self.broken:
            raise StorageError("gone")
        async with self._storage.transaction(read_only=read_only) as tx:
            yield tx


def on_breaking(world: World) -> Breaking:
    storage = Breaking(world.storage)
    world.guesses = Guesses(
        LIMITS,
        storage=storage,  # type: ignore[arg-type]
        clock=world.clock,
        counters=world.counters,
        refusals=world.refusals,
    )
    return storage


async def test_a_failure_that_can_t_be_counted_is_not_answered(world: World) -> None:
    storage = on_breaking(world)

    async def break_and_fail() -> None:
        async with world.guesses.judge(ACCOUNT, HERE):
            storage.broken = True
            raise InvalidCredentials

    with pytest.raises(StorageError):
        await break_and_fail()


async def test_a_success_that_can_t_be_noted_is_one_all_the_same(world: World) -> None:
    storage = on_breaking(world)

    async with world.guesses.judge(ACCOUNT, HERE):
        storage.broken = True


async def test_nothing_is_judged_while_nothing_can_be_reserved(world: World) -> None:
    on_breaking(world).broken = True

    with pytest.raises(StorageError):
        async with world.guesses.judge(ACCOUNT, HERE):
            pytest.fail("it was judged")


# PW-09
async def test_a_known_address_has_ten_of_its_own(world: World) -> None:
    await guess(world)
    for number in range(1, 4):
        elsewhere = Origin(f"198.51.100.{number}")
        await fail(world, (5, 5, 0)[number - 1], elsewhere)
    with pytest.raises(RateLimited):
        await guess(world, origin=Origin("198.51.100.3"))

    await fail(world, 10)

    with pytest.raises(RateLimited):
        await guess(world)


async def test_an_address_that_was_known_counts_as_another_again(world: World) -> None:
    await guess(world)
    world.clock.move(KNOWN_FOR.total_seconds())

    await fail(world, 5)

    with pytest.raises(RateLimited):
        await guess(world)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (None, "not an address"),
    ],
)
async def test_addresses_of_one_client_are_one(
    world: World, one: str | None, other: str | None
) -> None:
    await fail(world, 5, Origin(one))

    with pytest.raises(RateLimited):
        await guess(world, origin=Origin(other))
    await guess(world, origin=Origin("2001:db8:1:3::1"))


# PW-07, IV-07
async def test_an_account_is_the_user_who_signs_in_by_the_name(world: World) -> None:
    user = await add_user(
        world.storage, username="ada", email="ada@example.org", email_verified=True
    )
    unverified = await add_user(world.storage, username="bob", email="bob@example.org")
    account_of = world.guesses.account_of

    for name in ("ada", "ADA", " ada ", "ａda", "Ada@EXAMPLE.org", "ada@example.org "):
        assert await account_of(name) == user.id
    by_address = await account_of("bob@example.org")
    assert by_address != unverified.id
    assert by_address == await account_of("BOB@example.org")
    assert await account_of("nobody") == await account_of("NoBody\u200b")
    strange = {await account_of(name) for name in ("", "@", "a@b@c", "x" * 60_000, "\ud800")}
    assert len(strange) == 5
    assert max(map(len, strange)) == len("name:") + 64
