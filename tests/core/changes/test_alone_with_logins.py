"""A login and what ends the sessions of its user are never in the middle of each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from agentbox.plugin.storage import Storage
from tests.core.changes.signing_in import Method, login, verified
from tests.core.changes.watched import WatchedStorage
from tests.core.world import HERE, World, add_user, signed_in

OPERATOR = Operator()
NEW = Secret("a-new-password-of-mine")

Change = Callable[[World, User], Awaitable[object]]


@pytest.fixture
def watched(storage: Storage) -> WatchedStorage:
    return WatchedStorage(storage)


@pytest.fixture
def world(watched: WatchedStorage) -> World:
    return World(watched)  # type: ignore[arg-type]


@pytest.fixture
async def user(storage: Storage) -> User:
    return await add_user(storage, username="alice", password="the-old-password")


# PW-10, JWT-11: what a login reads before it waits for the other could be out of date by then
async def test_a_login_waits_for_changes_of_its_user_before_it_reads_anything(
    world: World, watched: WatchedStorage, user: User
) -> None:
    await login(world, Method(verified(user))).with_password("alice", NEW, HERE)

    [login_itself] = [used for used in watched.writes if "sessions" in used]
    assert login_itself[0] == f"lock user:{user.id}"


async def disable(world: World, user: User) -> None:
    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(status=Status.INACTIVE))


async def reset(world: World, user: User) -> None:
    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(password=NEW))


async def switch_off(world: World, user: User) -> None:
    await world.users.switch(OPERATOR, HERE, user.id, Status.INACTIVE)


async def take_away(world: World, user: User) -> None:
    await world.recovery.reset(OPERATOR, HERE, user.id)


async def end_sessions(world: World, user: User) -> None:
    await world.sessions.end_all_of(OPERATOR, HERE, user.id)


async def end_others(world: World, user: User) -> None:
    await world.sessions.end_others(await signed_in(world.storage, user), HERE)


async def delete(world: World, user: User) -> None:
    await world.users.delete(OPERATOR, HERE, user.id)


async def change_own(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    current = Secret("the-old-password")
    await world.passwords.change_own(caller, HERE, current=current, new=NEW)


# PW-10, JWT-11
@pytest.mark.parametrize(
    "change",
    [disable, reset, delete, change_own, switch_off, take_away, end_sessions, end_others],
)
async def test_what_ends_sessions_waits_for_logins_of_that_user(
    world: World, watched: WatchedStorage, user: User, change: Change
) -> None:
    await change(world, user)

    assert watched.writes[-1][:2] == ["lock rights", f"lock user:{user.id}"]


# Two that name the same users in another order wait in one order, never for each other.
async def test_a_change_of_several_waits_for_each_in_one_order(
    world: World, watched: WatchedStorage, storage: Storage
) -> None:
    ids = [(await add_user(storage)).id for _ in range(5)]
    for order in (ids, ids[::-1], [*ids, *ids]):
        await world.users.switch_each(OPERATOR, HERE, order, Status.INACTIVE)

        locks = [seen for seen in watched.writes[-1] if seen.startswith("lock ")]
        assert locks == ["lock rights", *(f"lock user:{each}" for each in sorted(ids))]
        assert watched.writes[-1][: len(locks)] == locks
