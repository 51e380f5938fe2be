"""What a key may do on environments, how long, from where and how often: only ever less."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.errors import (
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    ScopeConflict,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.principal import Actor
from agentbox.model.users import User
from tests.core.environments import put_environment, remove_environment
from tests.core.keys.entries import a_key, edit, entries, entries_of
from tests.core.world import START, World, add_user, signed_in

VIEWER, EDITOR, OWNER = Permission
DAY = timedelta(days=1)


# --- environments --------------------------------------------------------------------------------
@pytest.mark.parametrize("own", [*Permission, None])
@pytest.mark.parametrize("asked", [*Permission, None])
async def test_all_environments_only_sinks(
    world: World,
    user: User,
    owner: Actor,
    own: Permission | None,
    asked: Permission | None,
) -> None:
    key = await a_key(world, user, all_environments=own)
    if asked is None or (own is not None and asked.rank <= own.rank):
        assert (await edit(world, owner, key, all_environments=asked)).all_environments is asked
    else:
        with pytest.raises(PermissionExceedsOwn):
            await edit(world, owner, key, all_environments=asked)


@pytest.mark.parametrize("own", Permission)
@pytest.mark.parametrize("asked", Permission)
async def test_an_entry_only_sinks(
    world: World, user: User, owner: Actor, own: Permission, asked: Permission
) -> None:
    one = await put_environment(world.storage, user.id)
    key = await a_key(world, user, all_environments=None, permissions=entries({one: own}))
    if asked.rank <= own.rank:
        changed = await edit(world, owner, key, permissions={one: asked})
        assert entries_of(changed) == {one: asked}
        assert changed.permissions[0].id == key.permissions[0].id
    else:
        with pytest.raises(PermissionExceedsOwn):
            await edit(world, owner, key, permissions={one: asked})


async def test_a_list_of_entries_is_the_whole_list(world: World, user: User, owner: Actor) -> None:
    key = await a_key(
        world, user, all_environments=None, permissions=entries({"a": OWNER, "b": OWNER})
    )

    assert entries_of(await edit(world, owner, key, permissions={"b": VIEWER})) == {"b": VIEWER}
    assert entries_of(await edit(world, owner, key, permissions={})) == {}


async def test_all_environments_may_become_some_of_them(
    world: World, user: User, owner: Actor
) -> None:
    one = await put_environment(world.storage, user.id)
    key = await a_key(world, user, all_environments=EDITOR)
    changed = await edit(world, owner, key, all_environments=None, permissions={one: EDITOR})

    assert (entries_of(changed), changed.all_environments) == ({one: EDITOR}, None)


async def test_no_entry_exceeds_what_all_environments_allowed(
    world: World, user: User, owner: Actor
) -> None:
    one = await put_environment(world.storage, user.id)
    key = await a_key(world, user, all_environments=EDITOR)

    with pytest.raises(PermissionExceedsOwn):
        await edit(world, owner, key, all_environments=None, permissions={one: OWNER})


async def test_no_environment_is_added_to_a_limited_key(
    world: World, user: User, owner: Actor
) -> None:
    one, two = [await put_environment(world.storage, user.id) for _ in range(2)]
    key = await a_key(world, user, all_environments=None, permissions=entries({one: OWNER}))

    with pytest.raises(PermissionExceedsOwn):
        await edit(world, owner, key, permissions={one: OWNER, two: VIEWER})


@pytest.mark.parametrize("there", [True, False])
async def test_a_new_entry_is_for_an_environment_that_one_sees(
    world: World, user: User, owner: Actor, there: bool
) -> None:
    others = await put_environment(world.storage, (await add_user(world.storage)).id)
    key = await a_key(world, user, all_environments=OWNER)

    with pytest.raises(NotFound, match="There is no such environment"):
        await edit(world, owner, key, permissions={others if there else "nowhere": VIEWER})


async def test_a_new_entry_is_at_most_what_the_owner_holds(
    world: World, user: User, owner: Actor
) -> None:
    one = await put_environment(world.storage, user.id, granted=EDITOR)
    key = await a_key(world, user, all_environments=OWNER)

    with pytest.raises(PermissionExceedsOwn):
        await edit(world, owner, key, permissions={one: OWNER})
    assert entries_of(await edit(world, owner, key, permissions={one: EDITOR})) == {one: EDITOR}


async def test_a_new_entry_of_a_viewers_key_is_for_viewing(world: World) -> None:
    viewer = await add_user(world.storage, Role.VIEWER)
    one = await put_environment(world.storage, viewer.id)
    key = await a_key(world, viewer, all_environments=OWNER)

    with pytest.raises(PermissionExceedsRole):
        await edit(world, await signed_in(world.storage, viewer), key, permissions={one: EDITOR})


async def test_an_entry_for_an_environment_that_is_gone_stands_in_nobodys_way(
    world: World, user: User, owner: Actor
) -> None:
    one, two = [await put_environment(world.storage, user.id) for _ in range(2)]
    key = await a_key(
        world, user, all_environments=None, permissions=entries({one: OWNER, two: OWNER})
    )
    await remove_environment(world.storage, one)

    changed = await edit(world, owner, key, permissions={one: EDITOR, two: VIEWER})
    assert entries_of(changed) == {one: EDITOR, two: VIEWER}


@pytest.mark.parametrize("scope", ["users:read", "roles:write", "audit:read", "system:read"])
async def test_a_key_that_reaches_beyond_environments_is_not_limited_to_some(
    world: World, scope: str
) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    owner = await signed_in(world.storage, admin)
    key = await a_key(world, admin, scopes=[scope, "self:read"], all_environments=OWNER)

    with pytest.raises(ScopeConflict):
        await edit(world, owner, key, all_environments=None)
    changed = await edit(world, owner, key, all_environments=None, scopes=["self:read"])
    assert (changed.scopes, changed.all_environments) == (("self:read",), None)


# --- expiry, addresses, rate ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("own", "asked", "good"),
    [
        (None, START + DAY, True),
        (START + DAY, START + DAY / 2, True),
        (START + DAY, START + DAY, True),
        (START + DAY, START + DAY + timedelta(microseconds=1), False),
        (START + DAY, START, False),
        (None, START, False),
        (START - DAY, START - 2 * DAY, False),
        (START - DAY, START - DAY, True),
    ],
)
async def test_an_end_only_comes_nearer(
    world: World, user: User, owner: Actor, own: Any, asked: Any, good: bool
) -> None:
    # AK-05
    key = await a_key(world, user, expires_at=own)
    if good:
        assert (await edit(world, owner, key, expires_at=asked)).expires_at == asked
    else:
        with pytest.raises(ValidationFailed):
            await edit(world, owner, key, expires_at=asked)


@pytest.mark.parametrize(
    ("own", "asked", "pointer"),
    [
        ({}, {"allowed_cidrs": ("192.0.2.7",)}, None),
        ({"allowed_cidrs": ("192.0.2.0/24",)}, {"allowed_cidrs": ("192.0.2.7",)}, None),
        (
            {"allowed_cidrs": ("192.0.2.0/24",)},
            {"allowed_cidrs": ("192.0.2.7", "::/0")},
            "/allowed_cidrs/1",
        ),
        ({"allowed_cidrs": ("192.0.2.0/24",)}, {"allowed_cidrs": ()}, "/allowed_cidrs"),
        ({}, {"allowed_cidrs": ("nowhere",)}, "/allowed_cidrs/0"),
        ({}, {"rate_limit": "5/minute"}, None),
        ({"rate_limit": "5/minute"}, {"rate_limit": "4/hour"}, None),
        ({"rate_limit": "5/minute"}, {"rate_limit": "6/minute"}, "/rate_limit"),
        ({"rate_limit": "5/minute"}, {"rate_limit": "5/second"}, "/rate_limit"),
        ({}, {"rate_limit": "0/minute"}, "/rate_limit"),
    ],
    ids=str,
)
async def test_addresses_and_rate_only_shrink(
    world: World,
    user: User,
    owner: Actor,
    own: dict[str, Any],
    asked: dict[str, Any],
    pointer: str | None,
) -> None:
    key = await a_key(world, user, **own)
    if pointer is None:
        changed = await edit(world, owner, key, **asked)
        assert changed.rate_limit == asked.get("rate_limit")
        assert changed.allowed_cidrs == (("192.0.2.7/32",) if "allowed_cidrs" in asked else ())
        return
    with pytest.raises(ValidationFailed) as refusal:
        await edit(world, owner, key, **asked)
    assert [fault.pointer for fault in refusal.value.errors] == [pointer]
