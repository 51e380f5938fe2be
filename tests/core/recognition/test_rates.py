"""How often a limited key may be used: at most so many times in any span of the period."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from agentbox.core.recognition import rates as module
from agentbox.core.recognition.marks import Rate
from agentbox.errors import InvalidToken, StorageError
from agentbox.model.formats.rate_limit import parse_rate_limit
from tests.core.recognition.limited import Uses, a_key
from tests.core.world import World


@pytest.fixture
async def uses(world: World) -> Uses:
    return Uses(world, await a_key(world))


# AK-05
async def test_as_many_as_the_rate_says_and_no_more(uses: Uses) -> None:
    assert await uses.allowed("5/minute", 20) == 5


async def test_they_are_given_back_a_period_after_their_use(world: World, uses: Uses) -> None:
    await uses.allowed("5/minute", 5)

    world.clock.move(59.9)
    assert await uses.allowed("5/minute", 5) == 0
    world.clock.move(0.1)
    assert await uses.allowed("5/minute", 10) == 5


async def test_the_span_slides_and_has_no_edge_to_wait_for(world: World, uses: Uses) -> None:
    await uses.allowed("4/minute", 2)
    world.clock.move(50)
    await uses.allowed("4/minute", 2)
    world.clock.move(11)  # a counter by the clock's minutes would begin anew and give 4

    assert await uses.allowed("4/minute", 4) == 2


@pytest.mark.parametrize(
    ("moved", "wait"), [(0.0, 60), (0.4, 60), (10.0, 50), (59.5, 1), (59.99, 1)]
)
async def test_whoever_is_refused_is_told_in_how_many_whole_seconds_there_is_room(
    world: World, uses: Uses, moved: float, wait: int
) -> None:
    other = Uses(world, uses.key_id)
    await uses.allowed("1/minute", 1)
    world.clock.move(moved)

    for process in (uses, uses, other, other):
        assert await process.wait("1/minute") == wait
    world.clock.move(wait)
    assert await other.wait("1/minute") == 0


async def test_a_refused_use_costs_nothing(world: World, uses: Uses) -> None:
    await uses.allowed("2/minute", 2)
    for _ in range(59):
        world.clock.move(1)
        assert await uses.wait("2/minute") > 0
    world.clock.move(1)

    assert await uses.allowed("2/minute", 3) == 2


async def test_a_refusal_is_known_until_there_is_room_without_asking_again(
    world: World, uses: Uses
) -> None:
    await uses.allowed("2/minute", 3)
    asked = uses.storage.transactions
    for _ in range(599):
        world.clock.move(0.1)
        assert await uses.wait("2/minute") > 0

    assert uses.storage.transactions == asked


async def test_keys_do_not_count_for_each_other(world: World, uses: Uses) -> None:
    await uses.allowed("1/day", 1)

    uses.key_id = await a_key(world)
    assert await uses.allowed("1/day", 2) == 1


async def test_a_rate_that_was_narrowed_counts_what_was_used_before(uses: Uses) -> None:
    await uses.allowed("10/hour", 6)

    assert await uses.allowed("5/hour", 5) == 0
    assert await uses.allowed("8/hour", 5) == 2


async def test_a_restart_forgets_nothing(world: World, uses: Uses) -> None:
    await uses.allowed("5/hour", 4)
    again = Uses(world, uses.key_id)

    assert await again.allowed("5/hour", 4) == 1


def spans(used: Sequence[float], seconds: float) -> int:
    """The most uses that any span of so many seconds holds."""
    most = first = 0
    for at, last in enumerate(used):
        while used[first] <= last - seconds:
            first += 1
        most = max(most, at - first + 1)
    return most


@pytest.mark.parametrize("rate", ["3/second", "50/minute", "700/hour"])
async def test_no_span_ever_holds_more_whenever_the_uses_come(
    world: World, uses: Uses, rate: str
) -> None:
    # AK-05
    number, seconds = parse_rate_limit(rate)
    chance, used = random.Random(7), list[float]()
    for _ in range(number * 5):
        world.clock.move(chance.expovariate(2.5 * number / seconds))
        if await uses.wait(rate) == 0:
            used.append(world.clock.monotonic())

    assert spans(used, seconds) == number
    # and little is lost by counting in marks
    assert len(used) >= 0.94 * number * (used[-1] - used[0]) / seconds


# AK-05
@pytest.mark.parametrize("rate", ["3/second", "50/minute", "700/hour", "2000/minute"])
async def test_no_span_holds_more_whichever_process_they_come_to(world: World, rate: str) -> None:
    key_id = await a_key(world)
    processes = [Uses(world, key_id) for _ in range(3)]
    number, seconds = parse_rate_limit(rate)
    chance, used = random.Random(11), list[float]()
    part = Rate.of(parse_rate_limit(rate)).part.total_seconds()
    while world.clock.monotonic() < 1000 + 5 * seconds:
        # now within a part, where some are spare, now far beyond it
        near = chance.random() < 0.7
        world.clock.move(chance.random() * part / 3 if near else chance.expovariate(20 / seconds))
        if chance.random() < 0.02:
            processes[0] = Uses(world, key_id)  # killed, and started again
        bursts = (
            process.at_once(rate, chance.randrange(number // 10 + 2)) for process in processes
        )
        used += [world.clock.monotonic()] * sum(await asyncio.gather(*bursts))

    assert spans(used, seconds) <= number
    assert len(used) >= 0.9 * number * 4


async def test_those_who_ask_at_the_same_time_share_a_transaction(uses: Uses) -> None:
    assert await uses.at_once("10/minute", 500) == 10
    # one for the first, one for all who came meanwhile
    assert uses.storage.transactions <= 2


async def test_a_use_is_of_the_time_when_it_is_its_turn(world: World, uses: Uses) -> None:
    async with world.storage.transaction():
        use = asyncio.create_task(uses.wait("1/minute"))
        while not uses.storage.transactions:
            await asyncio.sleep(0)
        world.clock.move(30)
    assert await use == 0
    world.clock.move(59)

    assert await Uses(world, uses.key_id).wait("1/minute") == 1


@pytest.mark.parametrize("failing", ["at once", "after the commit"])
async def test_nothing_is_allowed_that_can_t_be_counted(uses: Uses, failing: str) -> None:
    uses.storage.failing = failing
    answers = await asyncio.gather(
        *(uses.wait("5/minute") for _ in range(20)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StorageError}

    uses.storage.failing = ""
    # where nobody can tell whether they were counted, they were
    assert await uses.allowed("5/minute", 9) == (5 if failing == "at once" else 0)


async def test_a_client_who_leaves_takes_nobody_s_answer_along(uses: Uses) -> None:
    tasks = [asyncio.create_task(uses.wait("4/minute")) for _ in range(8)]
    await asyncio.sleep(0)
    for task in tasks[:3]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in answers[:3]] == [asyncio.CancelledError] * 3
    # those who left before they were counted have used nothing
    assert answers[3:].count(0) == 4


async def test_a_key_that_is_gone_is_used_no_more(world: World, uses: Uses) -> None:
    async with world.storage.transaction() as tx:
        key = await tx.api_keys.get(uses.key_id)
        assert key is not None
        await tx.users.delete(key.user_id)

    with pytest.raises(InvalidToken):
        await uses.wait("5/minute")


async def test_a_clock_that_went_back_does_not_free_a_key_nor_shut_it_out_for_long(
    world: World, uses: Uses
) -> None:
    await uses.allowed("5/minute", 5)
    world.clock.move(-3600)
    other = Uses(world, uses.key_id)

    assert await other.wait("5/minute") == 61
    world.clock.move(61)
    assert await Uses(world, uses.key_id).allowed("5/minute", 9) == 5


async def test_the_key_that_came_first_is_asked_for_anew_when_there_are_too_many(
    world: World, uses: Uses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 3)
    limited = Uses(world, uses.key_id)
    for _ in range(5):
        assert await limited.allowed("5/day", 9) == 5
        limited.key_id = await a_key(world)

    assert len(limited.rates._shares) == 3
    limited.key_id = uses.key_id
    assert await limited.allowed("5/day", 9) == 0
