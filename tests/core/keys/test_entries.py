"""What a person's new key may do on single environments, and the form of what is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.core.keys.making import NewApiKey
from agentbox.errors import (
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    ScopeConflict,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import BEYOND_ENVIRONMENTS
from agentbox.model.api_keys import ApiKey
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import User
from tests.core.environments import put_environment, put_grant
from tests.core.keys.entries import entries_of, stored
from tests.core.world import HERE, START, World, add_user, signed_in

VIEWER, EDITOR, OWNER = Permission
WRITER = ["api_keys:write", "self:read"]


async def make(world: World, maker: Actor, **new: Any) -> ApiKey:
    return (await world.api_keys.create(maker, HERE, NewApiKey(**new))).record


# --- a person's keys -----------------------------------------------------------------------------


async def test_a_key_with_entries_has_nothing_elsewhere(world: World, user: User) -> None:
    one, two = [await put_environment(world.storage, user.id) for _ in range(2)]
    made = await make(
        world, await signed_in(world.storage, user), permissions={one: EDITOR, two: VIEWER}
    )

    assert (entries_of(made), made.all_environments) == ({one: EDITOR, two: VIEWER}, None)
    assert {each.created_at for each in made.permissions} == {START}
    assert len({each.id for each in made.permissions}) == 2
    assert await stored(world, made.id) == made


async def test_a_key_may_have_more_on_one_environment_than_on_all(world: World, user: User) -> None:
    one = await put_environment(world.storage, user.id)
    made = await make(
        world,
        await signed_in(world.storage, user),
        permissions={one: OWNER},
        all_environments=VIEWER,
    )

    assert (entries_of(made), made.all_environments) == ({one: OWNER}, VIEWER)


@pytest.mark.parametrize("granted", Permission)
@pytest.mark.parametrize("asked", Permission)
async def test_an_entry_is_at_most_what_the_owner_holds(
    world: World, user: User, granted: Permission, asked: Permission
) -> None:
    other = await add_user(world.storage)
    one = await put_environment(world.storage, other.id)
    await put_grant(world.storage, user.id, one, granted)
    maker = await signed_in(world.storage, user)
    if asked.rank <= granted.rank:
        assert entries_of(await make(world, maker, permissions={one: asked})) == {one: asked}
    else:
        with pytest.raises(PermissionExceedsOwn):
            await make(world, maker, permissions={one: asked})


@pytest.mark.parametrize("there", [True, False])
async def test_an_environment_that_one_does_not_see_is_not_there(
    world: World, user: User, there: bool
) -> None:
    others = await put_environment(world.storage, (await add_user(world.storage)).id)
    mine = await put_environment(world.storage, user.id)
    asked = {mine: OWNER, others if there else "nowhere": VIEWER}

    with pytest.raises(NotFound, match="There is no such environment"):
        await make(world, await signed_in(world.storage, user), permissions=asked)
    assert await world.audit() == []


@pytest.mark.parametrize(("role", "most"), [(Role.ADMIN, VIEWER), (Role.SUPER_ADMIN, OWNER)])
async def test_what_the_role_gives_unasked_may_be_given_on(
    world: World, user: User, role: Role, most: Permission
) -> None:
    one = await put_environment(world.storage, user.id)
    maker = await signed_in(world.storage, await add_user(world.storage, role))
    given = []
    for asked in Permission:
        try:
            given += entries_of(await make(world, maker, permissions={one: asked})).values()
        except PermissionExceedsOwn:
            assert asked.rank > most.rank

    assert given == [each for each in Permission if each.rank <= most.rank]


@pytest.mark.parametrize("asked", [EDITOR, OWNER])
async def test_a_viewers_key_views_whatever_was_granted(world: World, asked: Permission) -> None:
    viewer = await add_user(world.storage, Role.VIEWER)
    one = await put_environment(world.storage, viewer.id)
    maker = await signed_in(world.storage, viewer)

    with pytest.raises(PermissionExceedsRole):
        await make(world, maker, permissions={one: asked})
    assert entries_of(await make(world, maker, permissions={one: VIEWER})) == {one: VIEWER}


@pytest.mark.parametrize("scope", sorted(BEYOND_ENVIRONMENTS))
async def test_a_key_limited_to_environments_reaches_nothing_beyond_them(
    world: World, scope: str
) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    one = await put_environment(world.storage, root.id)
    maker, scopes = await signed_in(world.storage, root), frozenset({scope})

    with pytest.raises(ScopeConflict):
        await make(world, maker, permissions={one: OWNER}, scopes=scopes)
    # with something on all environments it is no longer limited to some
    wide = await make(
        world, maker, permissions={one: OWNER}, all_environments=VIEWER, scopes=scopes
    )
    assert wide.scopes == (scope,)


async def test_the_operator_gives_what_the_owner_holds(world: World, user: User) -> None:
    one = await put_environment(world.storage, user.id, granted=EDITOR)

    async def make_for(asked: Permission) -> ApiKey:
        new = NewApiKey(permissions={one: asked})
        return (await world.api_keys.create(Operator(), HERE, new, owner_id=user.id)).record

    assert entries_of(await make_for(EDITOR)) == {one: EDITOR}
    with pytest.raises(PermissionExceedsOwn):
        await make_for(OWNER)


async def test_the_operator_gives_no_environment_that_the_owner_does_not_see(
    world: World, user: User
) -> None:
    one = await put_environment(world.storage, (await add_user(world.storage)).id)
    new = NewApiKey(permissions={one: VIEWER})

    with pytest.raises(NotFound):
        await world.api_keys.create(Operator(), HERE, new, owner_id=user.id)


# --- the form of what is asked for ---------------------------------------------------------------


async def test_networks_are_kept_in_their_one_form_each_once(world: World, user: User) -> None:
    made = await make(
        world,
        await signed_in(world.storage, user),
        allowed_cidrs=("192.0.2.7", "2001:DB8::/32", "192.0.2.7/32"),
    )

    assert made.allowed_cidrs == ("192.0.2.7/32", "2001:db8::/32")


async def test_every_fault_is_told_at_once(world: World, user: User) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await make(
            world,
            await signed_in(world.storage, user),
            name="",
            allowed_cidrs=("::1", "x", "10.0.0.1/8"),
            rate_limit="often",
        )

    assert [fault.pointer for fault in refusal.value.errors] == [
        "/name",
        "/rate_limit",
        "/allowed_cidrs/1",
        "/allowed_cidrs/2",
    ]


@pytest.mark.parametrize("number", [0, 65])
async def test_networks_are_1_to_64(world: World, user: User, number: int) -> None:
    networks = tuple(f"10.0.0.{each}" for each in range(number))

    with pytest.raises(ValidationFailed):
        await make(world, await signed_in(world.storage, user), allowed_cidrs=networks)
