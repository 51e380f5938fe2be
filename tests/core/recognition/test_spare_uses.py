"""Spare uses of a busy key, which a process spends without asking: counted until they are over."""

from __future__ import annotations

import pytest

from agentbox.core.recognition.rates import SPARE_FOR
from agentbox.errors import StorageError
from tests.core.recognition.limited import Uses, a_key, counted
from tests.core.world import World


@pytest.fixture
async def uses(world: World) -> Uses:
    return Uses(world, await a_key(world))


async def test_what_was_spare_under_a_wider_rate_is_no_use_under_the_narrower(uses: Uses) -> None:
    await uses.allowed("10000/minute", 100)
    assert uses.rates._shares[uses.key_id].spare > 0

    assert await uses.allowed("100/minute", 50) == 0


async def test_a_key_that_is_used_again_and_again_is_spent_from_memory(
    world: World, uses: Uses
) -> None:
    async def second() -> int:
        """The transactions of 150 uses."""
        before = uses.storage.transactions
        for _ in range(150):
            world.clock.move(1 / 150)
            assert await uses.wait("10000/minute") == 0
        return uses.storage.transactions - before

    assert await second() <= 12  # it takes twice as many each time
    assert await second() <= 5
    assert await counted(world, uses.key_id) <= 300 + 100


async def test_a_key_that_is_used_now_and_then_has_nothing_to_spare(
    world: World, uses: Uses
) -> None:
    for number in range(200):
        assert await uses.wait("10000/hour") == 0
        assert await counted(world, uses.key_id) == number + 1
        world.clock.move(5)


async def test_what_was_not_spent_is_given_back(world: World, uses: Uses) -> None:
    made = 0
    for _ in range(5):
        made += await uses.allowed("10000/minute", 137)
        assert await counted(world, uses.key_id) > made
        world.clock.move(3)  # what is spare is over
        made += await uses.allowed("10000/minute", 1)
        assert await counted(world, uses.key_id) - uses.rates._shares[uses.key_id].spare == made


async def test_what_is_spare_is_over_in_time(world: World, uses: Uses) -> None:
    await uses.allowed("10000/day", 50)
    share = uses.rates._shares[uses.key_id]
    assert share.spare > 1

    world.clock.move(SPARE_FOR.total_seconds() - 0.001)
    assert uses.rates.known(uses.key_id, "10000/day") == 0
    world.clock.move(0.001)
    assert uses.rates.known(uses.key_id, "10000/day") is None


async def test_what_is_spare_counts_until_it_may_have_been_used(world: World, uses: Uses) -> None:
    assert await uses.allowed("1000/hour", 10) == 10
    taken = await counted(world, uses.key_id)
    world.clock.move(4)
    assert await uses.allowed("1000/hour", taken - 10) == taken - 10
    other = Uses(world, uses.key_id)
    world.clock.move(40)
    while await other.wait("1000/hour") == 0:
        pass

    world.clock.move(3600 - 44 + 4 - 0.001)  # an hour after the first, and before that of the last
    assert taken > 10
    assert await Uses(world, uses.key_id).wait("1000/hour") > 0
    world.clock.move(1.001)
    assert await Uses(world, uses.key_id).wait("1000/hour") == 0


async def test_a_process_that_is_killed_takes_along_no_more_than_it_has_used(
    world: World, uses: Uses
) -> None:
    for burst in (1, 2, 5, 20, 60):
        killed = Uses(world, uses.key_id)
        before = await counted(world, uses.key_id)
        assert await killed.allowed("10000/day", burst) == burst
        assert await counted(world, uses.key_id) - before <= 2 * burst


async def test_nothing_is_given_back_twice(world: World, uses: Uses) -> None:
    made = await uses.allowed("10000/minute", 137)
    world.clock.move(3)
    uses.storage.failing = "after the commit"
    with pytest.raises(StorageError):
        await uses.wait("10000/minute")
    uses.storage.failing = ""

    await uses.wait("10000/minute")

    spare = uses.rates._shares[uses.key_id].spare
    assert await counted(world, uses.key_id) - spare >= made + 1
