"""How often a limited key may be used: at most so many times in any span of the period."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentbox.core.recognition import rates as module
from agentbox.core.recognition.marks import Rate
from agentbox.core.recognition.rates import SPARE_FOR, Rates
from agentbox.errors import InvalidToken, StorageError
from agentbox.model.formats.rate_limit import parse_rate_limit
from agentbox.plugin.storage import Storage
from tests.core.world import World, add_key, add_user


class Watched:
    """A storage that counts its transactions, and fails before or after the work when told so."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.transactions = 0
        self.failing = ""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        self.transactions += 1
        if self.failing == "at once":
            raise StorageError("gone")
        async with self._storage.transaction() as tx:
            yield tx
        if self.failing == "after the commit":
            raise StorageError("gone")


class Uses:
    """The uses of one key by one process."""

    def __init__(self, world: World, key_id: str) -> None:
        self.storage = Watched(world.storage)
        self.key_id = key_id
        self.rates = Rates(self.storage, world.clock)  # type: ignore[arg-type]

    async def wait(self, rate: str) -> int:
        """One use: 0, or the seconds until there may be one."""
        known = self.rates.known(self.key_id, rate)
        return await self.rates.ask(self.key_id, rate) if known is None else known

    async def allowed(self, rate: str, times: int) -> int:
        """How many of so many uses at once get through."""
        return [await self.wait(rate) for _ in range(times)].count(0)

    async def at_once(self, rate: str, times: int) -> int:
        """The same, of uses that are all there at the same time."""
        return (await asyncio.gather(*(self.wait(rate) for _ in range(times)))).count(0)


@pytest.fixture
async def uses(world: World) -> Uses:
    return Uses(world, await a_key(world))


async def a_key(world: World) -> str:
    return (await add_key(world.storage, await add_user(world.storage), ["self:read"])).id


async def counted(world: World, key_id: str) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return sum(mark.uses for mark in await tx.api_key_rates.get(key_id))


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


async def test_what_was_spare_under_a_wider_rate_is_no_use_under_the_narrower(uses: Uses) -> None:
    await uses.allowed("10000/minute", 100)
    assert uses.rates._shares[uses.key_id].spare > 0

    assert await uses.allowed("100/minute", 50) == 0


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


async def test_a_use_is_of_the_time_when_it_is_its_turn(world: World, uses: Uses) -> None:
    async with world.storage.transaction():
        use = asyncio.create_task(uses.wait("1/minute"))
        while not uses.storage.transactions:
            await asyncio.sleep(0)
        world.clock.move(30)
    assert await use == 0
    world.clock.move(59)

    assert await Uses(world, uses.key_id).wait("1/minute") == 1


async def test_a_process_that_is_killed_takes_along_no_more_than_it_has_used(
    world: World, uses: Uses
) -> None:
    for burst in (1, 2, 5, 20, 60):
        killed = Uses(world, uses.key_id)
        before = await counted(world, uses.key_id)
        assert await killed.allowed("10000/day", burst) == burst
        assert await counted(world, uses.key_id) - before <= 2 * burst


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
