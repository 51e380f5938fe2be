"""Whose API keys one may list and revoke."""

from __future__ import annotations

import pytest

from agentbox.core.paging import Asked
from agentbox.errors import InsufficientRank, InsufficientRole, NotFound
from agentbox.model.access.roles import Role
from agentbox.model.users import User
from tests.core.world import HERE, World, add_key, add_user, signed_in

ALL = Asked(100)


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage)


SEES = {
    (caller, owner): caller is Role.SUPER_ADMIN
    or (caller is Role.ADMIN and owner in {Role.USER, Role.VIEWER})
    for caller in Role
    for owner in Role
}


# AZ-03, AZ-07: another's key that one can't see is not there
@pytest.mark.parametrize(("roles", "sees"), SEES.items(), ids=lambda v: str(v))
async def test_who_revokes_whose_key(world: World, roles: tuple[Role, Role], sees: bool) -> None:
    caller = await signed_in(world.storage, await add_user(world.storage, roles[0]))
    key = await add_key(world.storage, await add_user(world.storage, roles[1]), ["self:read"])
    if sees:
        await world.api_keys.revoke(caller, HERE, key.id)
    else:
        with pytest.raises(NotFound):
            await world.api_keys.revoke(caller, HERE, key.id)

    async with world.storage.transaction(read_only=True) as tx:
        stored = await tx.api_keys.get(key.id)
    assert stored is not None
    assert (stored.revoked_at is not None) is sees


async def test_a_list_of_all_leaves_out_equals_but_not_oneself(world: World) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    owners = [admin] + [await add_user(world.storage, role) for role in Role]
    keys = [await add_key(world.storage, owner, ["self:read"]) for owner in owners]
    caller = await signed_in(world.storage, admin)
    found = await world.api_keys.list(caller, ALL, everyone=True)
    expected = {
        key.id
        for key, owner in zip(keys, owners, strict=True)
        if owner is admin or owner.role in {Role.VIEWER, Role.USER}
    }

    assert ({key.id for key in found.rows}, found.total) == (expected, 3)


async def test_a_list_of_an_equals_keys_is_refused(world: World) -> None:
    caller = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    equal = await add_user(world.storage, Role.ADMIN)

    with pytest.raises(InsufficientRank):
        await world.api_keys.list(caller, ALL, user_id=equal.id)


@pytest.mark.parametrize("known", [True, False])
async def test_a_user_lists_nobody_elses_keys_existing_or_not(
    world: World, user: User, known: bool
) -> None:
    other = (await add_user(world.storage)).id if known else "nobody"

    with pytest.raises(InsufficientRole):
        await world.api_keys.list(await signed_in(world.storage, user), ALL, user_id=other)


async def test_one_lists_ones_own(world: World, user: User) -> None:
    mine = await add_key(world.storage, user, ["self:read"])
    await add_key(world.storage, await add_user(world.storage), ["self:read"])
    found = await world.api_keys.list(await signed_in(world.storage, user), ALL)

    assert [key.id for key in found.rows] == [mine.id]
