"""What follows a commit takes place, whoever has left meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from agentbox.core.people.users import NewUser
from agentbox.errors import Conflict
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.plugin.storage import Storage
from tests.core.changes.signing_in import Method, login, verified
from tests.core.changes.watched import WatchedStorage
from tests.core.world import HERE, World, add_user

OPERATOR = Operator()


@pytest.fixture
def watched(storage: Storage) -> WatchedStorage:
    return WatchedStorage(storage)


@pytest.fixture
def world(watched: WatchedStorage) -> World:
    return World(watched)  # type: ignore[arg-type]


async def left_during_the_commit(
    watched: WatchedStorage, change: Coroutine[Any, Any, object]
) -> object:
    """Cancel whoever waits for `change` when it is committed; what they got."""
    watched.committed.clear()
    watched.go.clear()
    client = asyncio.create_task(change)
    await watched.committed.wait()
    client.cancel()
    outcome = (await asyncio.gather(client, return_exceptions=True))[0]
    watched.go.set()
    for _ in range(10):
        await asyncio.sleep(0)
    return outcome


async def test_plugins_are_told_of_a_change_whose_client_left(
    world: World, watched: WatchedStorage
) -> None:
    new = NewUser(username="bob")
    outcome = await left_during_the_commit(watched, world.users.create(OPERATOR, HERE, new))

    assert isinstance(outcome, asyncio.CancelledError)
    assert [event.event for event in world.events] == ["user.create"]


async def test_plugins_are_told_of_a_login_whose_client_left(
    world: World, watched: WatchedStorage
) -> None:
    user = await add_user(world.storage, username="alice")
    watched.holds = "sessions"  # not when the guess is reserved, before that
    signing_in = login(world, Method(verified(user))).with_password("alice", Secret("x"), HERE)
    await left_during_the_commit(watched, signing_in)

    assert [event.event for event in world.events] == ["session.begin"]


async def test_what_was_to_follow_a_commit_follows_it(
    world: World, watched: WatchedStorage
) -> None:
    async def change() -> None:
        async with world.changes.begin(OPERATOR, HERE) as work:
            work.after_commit.append(lambda: world.forgotten.append("done"))

    await left_during_the_commit(watched, change())

    assert world.forgotten == ["done"]


async def test_one_who_leaves_before_the_commit_changes_nothing(world: World) -> None:
    inside = asyncio.Event()

    async def change() -> None:
        async with world.changes.begin(OPERATOR, HERE) as work:
            await work.record("user.update", "user:x")
            inside.set()
            await asyncio.Event().wait()

    client = asyncio.create_task(change())
    await inside.wait()
    client.cancel()
    await asyncio.gather(client, return_exceptions=True)

    assert (world.events, await world.audit()) == ([], [])


async def test_a_change_that_is_refused_is_told_as_it_is(world: World) -> None:
    await world.users.create(OPERATOR, HERE, NewUser(username="bob"))

    with pytest.raises(Conflict):
        await world.users.create(OPERATOR, HERE, NewUser(username="BOB"))
    assert len(world.events) == 1
