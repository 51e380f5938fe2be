"""Current state: how old it may be, what drops it, and one read for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.core.recognition import caches
from agentbox.core.recognition.caches import StateCache, StateKey
from agentbox.core.recognition.state import SubjectState
from agentbox.errors import InvalidToken, StorageError
from agentbox.model.users import Status
from agentbox.plugin.storage import Change
from tests.core.recognition.chain import CREDENTIAL, Remembered, recognition
from tests.core.world import ManualClock, World, add_session, add_user, session_evidence, user_of

KEY: StateKey = ("u", "session", "s")


class Reads:
    """Reads that take as long as the test wants."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def __call__(self, key: StateKey) -> SubjectState:
        self.begun += 1
        state = SubjectState(user_of(username=f"read-{self.begun}"), None, None, frozenset())
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return state


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def cache(clock: ManualClock, reads: Reads) -> StateCache:
    return StateCache(clock, reads)


def name_of(state: SubjectState | None) -> str | None:
    return state.user.username if state is not None and state.user is not None else None


async def begun(reads: Reads, number: int) -> None:
    async with asyncio.timeout(10):
        while reads.begun < number:
            await asyncio.sleep(0)


async def test_a_state_is_kept_for_less_than_half_a_second(
    cache: StateCache, clock: ManualClock
) -> None:
    await cache.load(KEY)
    clock.move(0.499)

    assert cache.get(KEY) is not None


async def test_a_state_is_not_kept_longer(cache: StateCache, clock: ManualClock) -> None:
    await cache.load(KEY)
    clock.move(0.5)

    assert cache.get(KEY) is None


async def test_its_age_counts_from_the_start_of_the_read(
    cache: StateCache, clock: ManualClock, reads: Reads
) -> None:
    reads.go.clear()
    loading = asyncio.create_task(cache.load(KEY))
    await begun(reads, 1)
    clock.move(0.5)
    reads.go.set()
    await loading

    assert cache.get(KEY) is None


async def test_a_change_drops_it_at_once(cache: StateCache) -> None:
    await cache.load(KEY)
    cache.drop()

    assert cache.get(KEY) is None


async def test_a_read_that_began_before_a_change_is_not_kept(
    cache: StateCache, reads: Reads
) -> None:
    reads.go.clear()
    loading = asyncio.create_task(cache.load(KEY))
    await begun(reads, 1)
    cache.drop()
    reads.go.set()
    await loading

    assert cache.get(KEY) is None


async def test_a_read_that_began_before_a_change_is_not_joined(
    cache: StateCache, reads: Reads
) -> None:
    reads.go.clear()
    old = asyncio.create_task(cache.load(KEY))
    await begun(reads, 1)
    cache.drop()
    new = asyncio.create_task(cache.load(KEY))
    await begun(reads, 2)
    reads.go.set()

    assert [name_of(await old), name_of(await new)] == ["read-1", "read-2"]


async def test_an_old_read_that_ends_last_does_not_replace_the_new_state(
    cache: StateCache, reads: Reads
) -> None:
    reads.go.clear()
    old = asyncio.create_task(cache.load(KEY))
    await begun(reads, 1)
    held, reads.go = reads.go, asyncio.Event()
    reads.go.set()
    cache.drop()
    await cache.load(KEY)
    held.set()
    await old

    assert name_of(cache.get(KEY)) == "read-2"


async def test_all_who_ask_at_once_share_one_read(cache: StateCache, reads: Reads) -> None:
    reads.go.clear()
    asking = [asyncio.create_task(cache.load(KEY)) for _ in range(50)]
    await begun(reads, 1)
    reads.go.set()
    await asyncio.gather(*asking)

    assert reads.begun == 1


async def test_the_error_of_a_read_reaches_all_who_wait(cache: StateCache, reads: Reads) -> None:
    reads.error = StorageError("gone")
    answers = await asyncio.gather(*(cache.load(KEY) for _ in range(5)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [StorageError] * 5


async def test_the_error_of_a_read_is_not_kept(cache: StateCache, reads: Reads) -> None:
    reads.error = StorageError("gone")
    with pytest.raises(StorageError):
        await cache.load(KEY)
    reads.error = None

    assert name_of(await cache.load(KEY)) == "read-2"


async def test_one_who_gives_up_leaves_the_others_waiting(cache: StateCache, reads: Reads) -> None:
    reads.go.clear()
    leaving = asyncio.create_task(cache.load(KEY))
    staying = asyncio.create_task(cache.load(KEY))
    await begun(reads, 1)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    reads.go.set()

    assert (name_of(await staying), reads.begun) == ("read-1", 1)


async def test_states_are_bounded(
    clock: ManualClock, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "MAX_STATES", 3)
    cache = StateCache(clock, reads)
    keys: list[StateKey] = [("u", "session", str(number)) for number in range(4)]
    for key in keys:
        await cache.load(key)

    assert [cache.get(key) is None for key in keys] == [True, False, False, False]


# JWT-11, in this process: a revocation counts from the next request on
async def test_a_disabled_user_is_refused_by_the_next_request(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    chain = recognition(world, [Remembered(session_evidence(user, session))])
    await chain.recognise(CREDENTIAL)
    async with world.storage.transaction() as tx:
        disabled = user_of(id=user.id, username=user.username, status=Status.INACTIVE)
        await tx.users.replace(disabled)
        tx.changed(Change("user", user.id))

    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)


async def test_without_a_notice_the_old_state_holds_for_half_a_second(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    chain = recognition(world, [Remembered(session_evidence(user, session))])
    await chain.recognise(CREDENTIAL)
    await world.change(user, status=Status.INACTIVE)
    world.clock.move(0.4)

    assert (await chain.recognise(CREDENTIAL)).user_id == user.id


async def test_after_half_a_second_it_is_read_again_even_without_a_notice(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    chain = recognition(world, [Remembered(session_evidence(user, session))])
    await chain.recognise(CREDENTIAL)
    await world.change(user, status=Status.INACTIVE)
    world.clock.move(0.5)

    with pytest.raises(InvalidToken):
        await chain.recognise(CREDENTIAL)


async def test_a_state_that_is_soon_too_old_is_read_anew_and_nobody_waits(
    clock: ManualClock,
) -> None:
    reads = Reads()
    cache = StateCache(clock, reads)
    await cache.load(KEY)
    clock.move(caches.STATE_AGE - caches.REFRESH_BEFORE + 0.01)
    reads.go.clear()

    kept = [cache.get(KEY) for _ in range(3)]  # none of them waits for the read it begins

    assert [state is not None for state in kept] == [True] * 3
    reads.go.set()
    await cache.load(KEY)
    assert reads.begun == 2
    clock.move(caches.REFRESH_BEFORE)
    state = cache.get(KEY)
    assert state is not None
    assert state.user is not None
    assert state.user.username == "read-2"


async def test_a_refresh_that_fails_leaves_the_state_to_its_age(clock: ManualClock) -> None:
    reads = Reads()
    cache = StateCache(clock, reads)
    await cache.load(KEY)
    clock.move(caches.STATE_AGE - 0.01)
    reads.error = StorageError("gone")
    assert cache.get(KEY) is not None
    with pytest.raises(StorageError):
        await cache.load(KEY)
    clock.move(0.02)
    assert cache.get(KEY) is None
