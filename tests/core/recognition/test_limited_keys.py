"""Keys that may come from some networks only, and keys that may come so often only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.core.recognition.recognition import Recognition
from agentbox.errors import InvalidToken, Problem, RateLimited, StorageError
from agentbox.model.api_keys import ApiKey
from agentbox.model.users import User
from agentbox.plugin.storage import Change, Storage
from tests.backend import Database
from tests.core.recognition.chain import CREDENTIAL, Remembered, recognition
from tests.core.world import World, add_key, add_session, add_user, key_evidence, session_evidence

INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"


async def chain_for(world: World, **fields: Any) -> tuple[Recognition, User, ApiKey]:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"], **fields)
    return recognition(world, [Remembered(key_evidence(user, key))]), user, key


async def refusals(chain: Recognition, times: int, address: str | None = None) -> list[Problem]:
    """The problems among so many uses."""
    uses = [chain.recognise(CREDENTIAL, address) for _ in range(times)]
    answers = await asyncio.gather(*uses, return_exceptions=True)
    return [answer for answer in answers if isinstance(answer, Problem)]


@pytest.mark.parametrize(
    ("cidrs", "address", "good"),
    [
        ((), INSIDE, True),
        ((), None, True),
        (("192.0.2.0/24",), INSIDE, True),
        (("192.0.2.0/24",), f"::ffff:{INSIDE}", True),
        (("2001:db8::/32", "192.0.2.7/32"), INSIDE, True),
        (("192.0.2.0/24",), OUTSIDE, False),
        (("2001:db8::/32",), INSIDE, False),
        # an address that is not known is in no network
        (("0.0.0.0/0", "::/0"), None, False),
        (("0.0.0.0/0",), "unix:", False),
    ],
)
async def test_a_key_works_from_its_networks_alone(
    world: World, cidrs: tuple[str, ...], address: str | None, good: bool
) -> None:
    chain, user, _ = await chain_for(world, allowed_cidrs=cidrs)
    if good:
        assert (await chain.recognise(CREDENTIAL, address)).user_id == user.id
    else:
        with pytest.raises(InvalidToken):
            await chain.recognise(CREDENTIAL, address)


async def test_why_it_was_refused_is_counted_and_told_to_nobody(world: World) -> None:
    chain, _, _ = await chain_for(world, allowed_cidrs=("192.0.2.0/24",))
    [problem] = await refusals(chain, 1, OUTSIDE)

    assert world.counters.value("credentials_refused.address") == 1
    assert problem.detail == InvalidToken().detail


async def test_a_refusal_from_elsewhere_is_not_remembered_against_the_key(world: World) -> None:
    chain, user, _ = await chain_for(world, allowed_cidrs=("192.0.2.0/24",))
    await refusals(chain, 3, OUTSIDE)

    assert (await chain.recognise(CREDENTIAL, INSIDE)).user_id == user.id


async def test_a_route_that_takes_expired_tokens_asks_where_a_key_comes_from_too(
    world: World,
) -> None:
    chain, _, _ = await chain_for(world, allowed_cidrs=("192.0.2.0/24",))

    with pytest.raises(InvalidToken):
        await chain.recognise_expired(CREDENTIAL, OUTSIDE)


# AK-05: per-key limits hold under concurrency
async def test_a_key_is_used_as_often_as_its_rate_allows_however_many_ask_at_once(
    world: World,
) -> None:
    chain, _, _ = await chain_for(world, rate_limit="10/minute")
    refused = await refusals(chain, 50)

    assert len(refused) == 40
    assert {type(problem) for problem in refused} == {RateLimited}
    assert {problem.retry_after for problem in refused} == {60}
    assert world.counters.value("credentials_refused.rate") == 40


# AK-05
async def test_two_processes_on_one_database_allow_together_what_the_rate_says(
    world: World, database: Database
) -> None:
    chain, user, key = await chain_for(world, rate_limit="10/minute")
    other_storage = database.storage()
    async with other_storage.open():
        other_world = World(other_storage, clock=world.clock)
        other = recognition(other_world, [Remembered(key_evidence(user, key))])
        refused = await asyncio.gather(refusals(chain, 40), refusals(other, 40))
        assert sum(map(len, refused)) == 70
        world.clock.move(60)
        refused = await asyncio.gather(refusals(chain, 40), refusals(other, 40))

    assert sum(map(len, refused)) == 70
    assert {type(problem) for each in refused for problem in each} == {RateLimited}


class Noted:
    """A storage that keeps how many transactions there were, and fails when it is told so."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.reads = self.writes = 0
        self.broken = False

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False, **more: Any) -> AsyncIterator[Any]:
        if read_only:
            self.reads += 1
        else:
            self.writes += 1
            if self.broken:
                raise StorageError("gone")
        async with self._storage.transaction(read_only=read_only, **more) as tx:
            yield tx

    def on_change(self, listener: Any) -> None:
        self._storage.on_change(listener)


def noted(world: World) -> Noted:
    """The same world on a storage that is watched."""
    world.storage = storage = Noted(world.storage)  # type: ignore[assignment]
    return storage  # type: ignore[return-value]


async def test_a_key_without_a_rate_costs_the_database_nothing_more(world: World) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"], allowed_cidrs=("192.0.2.0/24",))
    storage = noted(world)
    chain = recognition(world, [Remembered(key_evidence(user, key))])
    for _ in range(50):
        await chain.recognise(CREDENTIAL, INSIDE)

    assert (storage.reads, storage.writes) == (1, 0)


async def test_a_use_that_can_t_be_counted_is_not_let_through(world: World) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["self:read"], rate_limit="5/minute")
    storage = noted(world)
    chain = recognition(world, [Remembered(key_evidence(user, key))])
    storage.broken = True
    answers = await asyncio.gather(
        *(chain.recognise(CREDENTIAL) for _ in range(9)), return_exceptions=True
    )

    assert {type(answer) for answer in answers} == {StorageError}
    storage.broken = False
    assert len(await refusals(chain, 9)) == 4


@pytest.mark.parametrize("change", ["revoked", "moved", "deleted"])
async def test_what_has_happened_while_a_use_was_counted_is_not_overlooked(
    world: World, change: str
) -> None:
    # AK-05
    chain, user, key = await chain_for(world, rate_limit="5/minute")
    assert await refusals(chain, 1, INSIDE) == []
    async with world.storage.transaction() as tx:
        use = asyncio.create_task(chain.recognise(CREDENTIAL, INSIDE))
        while not chain._rates._tasks:
            await asyncio.sleep(0)
        if change == "revoked":
            await tx.api_keys.revoke(key.id, world.clock.now())
        elif change == "moved":
            await tx.api_keys.replace(replace(key, allowed_cidrs=("198.51.100.0/24",)))
        else:
            await tx.users.delete(user.id)
        tx.changed(Change("api_key", key.id))

    with pytest.raises(InvalidToken):
        await use


async def test_a_route_that_takes_expired_tokens_counts_for_the_rate_too(world: World) -> None:
    chain, _, _ = await chain_for(world, rate_limit="1/minute")
    await chain.recognise_expired(CREDENTIAL)

    with pytest.raises(RateLimited):
        await chain.recognise(CREDENTIAL)


async def test_a_key_that_does_not_hold_is_told_that_and_not_its_rate(world: World) -> None:
    chain, _, key = await chain_for(world, rate_limit="1/minute")
    await refusals(chain, 5)
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(key.id, world.clock.now())

    assert {type(problem) for problem in await refusals(chain, 3)} == {RateLimited}
    world.clock.move(1)  # what was read of the key is too old now
    assert {type(problem) for problem in await refusals(chain, 3)} == {InvalidToken}


async def test_uses_from_elsewhere_do_not_eat_up_the_rate(world: World) -> None:
    chain, user, _ = await chain_for(world, rate_limit="1/minute", allowed_cidrs=("192.0.2.0/24",))
    await refusals(chain, 5, OUTSIDE)

    assert (await chain.recognise(CREDENTIAL, INSIDE)).user_id == user.id


@pytest.mark.parametrize(
    "limits", [{"rate_limit": "2/minute"}, {"allowed_cidrs": ("192.0.2.0/24",)}], ids=str
)
async def test_what_is_refused_is_no_use(world: World, limits: dict[str, Any]) -> None:
    chain, _, key = await chain_for(world, **limits)
    address = INSIDE if "rate_limit" in limits else OUTSIDE
    good = 5 - len(await refusals(chain, 5, address))
    await chain._last_used.flush()
    hour = world.clock.now().replace(minute=0)
    async with world.storage.transaction(read_only=True) as tx:
        counted = await tx.api_key_usage.list(key.id, hour, hour.replace(hour=hour.hour + 1))

    assert sum(uses for _, uses in counted) == good


async def test_a_narrowed_key_is_limited_from_the_next_read_on(world: World) -> None:
    chain, _, key = await chain_for(world)
    assert await refusals(chain, 5) == []
    async with world.storage.transaction() as tx:
        await tx.api_keys.replace(replace(key, rate_limit="1/minute"))
    world.clock.move(1)

    assert len(await refusals(chain, 5)) == 4


async def test_a_session_has_neither_networks_nor_a_rate(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    chain = recognition(world, [Remembered(session_evidence(user, session))])

    assert await refusals(chain, 50, None) == []


async def test_the_end_that_a_principal_tells_is_the_present_one(world: World) -> None:
    chain, _, key = await chain_for(world)
    assert (await chain.recognise(CREDENTIAL)).credential.expires_at is None
    ends = world.clock.now().replace(hour=13)
    async with world.storage.transaction() as tx:
        await tx.api_keys.replace(replace(key, expires_at=ends))
    world.clock.move(1)

    assert (await chain.recognise(CREDENTIAL)).credential.expires_at == ends
    world.clock.move(3600)
    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)
