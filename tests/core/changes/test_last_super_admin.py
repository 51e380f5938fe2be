"""One active super_admin is always left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import InvalidToken, LastSuperAdmin
from agentbox.model.access.roles import Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import Status, User, UserFilter
from tests.core.world import HERE, World, add_user, signed_in
from tests.scale import scaled

Removal = Callable[[World, Actor, User], Awaitable[object]]


def edit_to(edit: UserEdit) -> Removal:
    return lambda world, actor, user: world.users.edit(actor, HERE, user.id, edit)


REMOVALS: dict[str, Removal] = {
    "demote": edit_to(UserEdit(role=Role.ADMIN)),
    "disable": edit_to(UserEdit(status=Status.INACTIVE)),
    "suspend": edit_to(UserEdit(status=Status.SUSPENDED)),
    "switch": lambda world, actor, user: world.users.switch(actor, HERE, user.id, Status.INACTIVE),
    "delete": lambda world, actor, user: world.users.delete(actor, HERE, user.id),
}


async def left(world: World) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.users.count(UserFilter(role=Role.SUPER_ADMIN, status=Status.ACTIVE))


# AZ-05
@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
async def test_the_last_one_stays_even_before_the_operator(world: World, remove: Removal) -> None:
    last = await add_user(world.storage, Role.SUPER_ADMIN)
    await add_user(world.storage, Role.SUPER_ADMIN, status=Status.INACTIVE)

    with pytest.raises(LastSuperAdmin):
        await remove(world, Operator(), last)
    assert (await left(world), await world.audit()) == (1, [])


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
async def test_one_of_two_may_go(world: World, remove: Removal) -> None:
    first = await add_user(world.storage, Role.SUPER_ADMIN)
    await add_user(world.storage, Role.SUPER_ADMIN)
    await remove(world, Operator(), first)

    assert await left(world) == 1


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
async def test_one_who_is_not_active_may_go(world: World, remove: Removal) -> None:
    await add_user(world.storage, Role.SUPER_ADMIN)
    idle = await add_user(world.storage, Role.SUPER_ADMIN, status=Status.SUSPENDED)
    await remove(world, Operator(), idle)

    assert await left(world) == 1


async def test_the_last_one_may_be_edited_otherwise(world: World) -> None:
    last = await add_user(world.storage, Role.SUPER_ADMIN)
    edited = await world.users.edit(Operator(), HERE, last.id, UserEdit(username="renamed"))

    assert edited.username == "renamed"


# AZ-05, on one process
@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
async def test_two_who_remove_each_other_at_once_leave_one(world: World, remove: Removal) -> None:
    for _ in range(scaled(20)):
        first = await add_user(world.storage, Role.SUPER_ADMIN)
        second = await add_user(world.storage, Role.SUPER_ADMIN)
        one = await signed_in(world.storage, first)
        two = await signed_in(world.storage, second)
        outcomes = await asyncio.gather(
            remove(world, one, second), remove(world, two, first), return_exceptions=True
        )

        assert (sum(isinstance(o, Exception) for o in outcomes), await left(world)) == (1, 1)
        async with world.storage.transaction() as tx:
            await tx.users.delete(first.id)
            await tx.users.delete(second.id)


async def bulk(world: World, actor: Actor, *users: User) -> list[str | None]:
    """Switch them all off; the code of each refusal."""
    ids = [user.id for user in users]
    switched = await world.users.switch_each(actor, HERE, ids, Status.INACTIVE)
    return [each.refusal.code if each.refusal else None for each in switched]


# AZ-05
async def test_of_several_at_once_the_last_one_stays(world: World) -> None:
    three = [await add_user(world.storage, Role.SUPER_ADMIN) for _ in range(3)]

    assert await bulk(world, Operator(), *three) == [None, None, "last_super_admin"]
    assert await left(world) == 1
    assert len(await world.audit()) == 2


# AZ-05
async def test_two_who_switch_each_other_off_among_others_leave_one(world: World) -> None:
    for _ in range(scaled(20)):
        pair = [await add_user(world.storage, Role.SUPER_ADMIN) for _ in range(2)]
        plain = [await add_user(world.storage) for _ in range(3)]
        actors = [await signed_in(world.storage, each) for each in pair]
        outcomes = await asyncio.gather(
            bulk(world, actors[0], *plain, *pair),
            bulk(world, actors[1], *reversed([*plain, *pair])),
            return_exceptions=True,
        )

        assert sum(isinstance(outcome, InvalidToken) for outcome in outcomes) == 1, outcomes
        assert await left(world) == 1
        async with world.storage.transaction() as tx:
            for user in pair:
                await tx.users.delete(user.id)
