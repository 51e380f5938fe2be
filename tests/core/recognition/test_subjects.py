"""Keys and sessions with their users: read once, kept as state, never somebody else's."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.core.recognition.caches import STATE_AGE
from agentbox.core.recognition.subjects import Subjects
from agentbox.model.users import Status
from agentbox.plugin.storage import Change
from tests.core.world import World, add_key, add_session, add_user
from tests.plugins.stand_in import CountedStorage


@pytest.fixture
def counted(world: World) -> CountedStorage:
    return CountedStorage(world.storage)


@pytest.fixture
def subjects(world: World, counted: CountedStorage) -> Subjects:
    return Subjects(counted, world.clock)  # type: ignore[arg-type]


async def test_a_key_is_read_once_for_its_judgement_and_for_its_state(
    world: World, subjects: Subjects, counted: CountedStorage
) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, ["users:read"])

    issued = await subjects.issued_key(key.id)
    state = subjects.states.get((user.id, "api_key", key.id))

    assert issued is not None
    assert (issued.key, issued.owner) == (key, user)
    assert state is not None
    assert (state.user, state.api_key, state.key_scopes) == (user, key, {"users:read"})
    assert counted.asked == ["api_keys"]


async def test_what_was_read_for_a_judgement_is_no_older_than_any_state(
    world: World, subjects: Subjects
) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, [])
    await subjects.issued_key(key.id)

    world.clock.move(STATE_AGE)

    assert subjects.states.get((user.id, "api_key", key.id)) is None


async def test_what_was_read_for_a_judgement_goes_with_a_change(
    world: World, subjects: Subjects
) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, [])
    await subjects.issued_key(key.id)
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(key.id, world.clock.now())
        tx.changed(Change("api_key", key.id))

    assert subjects.states.get((user.id, "api_key", key.id)) is None
    state = await subjects.states.load((user.id, "api_key", key.id))
    assert state.api_key is not None
    assert state.api_key.revoked_at == world.clock.now()


async def test_a_change_while_a_key_is_judged_keeps_nothing(
    world: World, subjects: Subjects, counted: CountedStorage
) -> None:
    user = await add_user(world.storage)
    key = await add_key(world.storage, user, [])
    judging = asyncio.create_task(subjects.issued_key(key.id))
    async with asyncio.timeout(10):
        while not counted.transactions:  # begun, and not answered yet
            await asyncio.sleep(0)
    subjects.states.drop()
    assert await judging is not None

    assert subjects.states.get((user.id, "api_key", key.id)) is None


async def test_a_key_or_session_that_is_gone_is_nobodys(world: World, subjects: Subjects) -> None:
    user = await add_user(world.storage)

    for kind in ("api_key", "session"):
        state = await subjects.states.load((user.id, kind, "gone"))
        assert (state.user, state.api_key, state.session) == (None, None, None)


async def test_a_key_or_session_of_another_user_is_nobodys(
    world: World, subjects: Subjects
) -> None:
    owner, other = await add_user(world.storage), await add_user(world.storage)
    key = await add_key(world.storage, owner, ["users:read"])
    session = await add_session(world.storage, owner)

    for kind, id_ in (("api_key", key.id), ("session", session.id)):
        state = await subjects.states.load((other.id, kind, id_))
        assert (state.user, state.api_key, state.session) == (None, None, None)
        assert not state.key_scopes


async def test_sessions_that_are_asked_for_together_share_a_read(
    world: World, subjects: Subjects, counted: CountedStorage
) -> None:
    users = [await add_user(world.storage) for _ in range(5)]
    sessions = [await add_session(world.storage, user) for user in users]
    pairs = list(zip(users, sessions, strict=True))

    states = await asyncio.gather(
        *(subjects.states.load((user.id, "session", session.id)) for user, session in pairs)
    )

    assert [(state.user, state.session) for state in states] == pairs
    assert counted.transactions == 1


async def test_another_kind_of_credential_depends_on_its_user_alone(
    world: World, subjects: Subjects
) -> None:
    user = await add_user(world.storage, status=Status.INACTIVE)

    state = await subjects.states.load((user.id, "example:ticket", "any"))

    assert (state.user, state.api_key, state.session) == (user, None, None)
