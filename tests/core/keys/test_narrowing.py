"""Changes of a key: its name as one likes, its scopes only fewer; whose key it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.errors import (
    Conflict,
    InsufficientScope,
    InvalidToken,
    NotFound,
    ScopeExceedsOwn,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import User
from tests.core.keys.entries import a_key, edit, entries, stored
from tests.core.world import START, World, add_user, signed_in, with_key

VIEWER, EDITOR, OWNER = Permission
DAY = timedelta(days=1)


# --- name and description ------------------------------------------------------------------------
async def test_a_name_and_a_description_are_set_and_removed(
    world: World, user: User, owner: Actor
) -> None:
    key = await a_key(world, user, name="old")
    named = await edit(world, owner, key, name="new", description="more")
    assert (named.name, named.description) == ("new", "more")
    bare = await edit(world, owner, key, name=None, description=None)

    assert (bare.name, bare.description) == (None, None)
    assert await stored(world, key.id) == bare == replace(key, name=None)


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "a\x1b"}, {"description": "x" * 1025}])
async def test_names_are_judged_as_with_a_new_key(
    world: World, user: User, owner: Actor, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationFailed):
        await edit(world, owner, await a_key(world, user), **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "same", "description": None},
        {"scopes": ["self:read", "metrics:read"]},
        {"all_environments": VIEWER, "permissions": {}},
        {"expires_at": START + DAY},
        {"allowed_cidrs": ("192.0.2.0/24",), "rate_limit": "9/day"},
    ],
    ids=str,
)
async def test_what_changes_nothing_is_no_change(
    world: World, user: User, owner: Actor, fields: dict[str, Any]
) -> None:
    key = await a_key(
        world,
        user,
        name="same",
        expires_at=START + DAY,
        allowed_cidrs=("192.0.2.0/24",),
        rate_limit="9/day",
    )

    assert await edit(world, owner, key, **fields) == key
    assert await world.audit() == []


# --- scopes --------------------------------------------------------------------------------------
async def test_scopes_are_taken_away(world: World, user: User, owner: Actor) -> None:
    key = await a_key(world, user)

    assert (await edit(world, owner, key, scopes=["self:read"])).scopes == ("self:read",)


# AK-03
@pytest.mark.parametrize("scopes", [["self:write"], ["self:read", "api_keys:write"]])
async def test_no_scope_comes_back_or_is_added(
    world: World, user: User, owner: Actor, scopes: list[str]
) -> None:
    with pytest.raises(ScopeExceedsOwn):
        await edit(world, owner, await a_key(world, user), scopes=scopes)


async def test_scopes_beyond_the_role_may_stay_but_not_come_back(world: World) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    key = await a_key(world, admin, scopes=["self:read", "users:read"])
    owner = await signed_in(world.storage, admin)
    await world.change(admin, role=Role.USER)
    assert (await edit(world, owner, key, name="kept")).scopes == ("self:read", "users:read")
    await edit(world, owner, key, scopes=["self:read"])

    with pytest.raises(ScopeExceedsOwn):
        await edit(world, owner, key, scopes=["self:read", "users:read"])


# --- whose, and when -----------------------------------------------------------------------------
@pytest.mark.parametrize("role", Role)
async def test_nobody_changes_the_key_of_another(world: World, user: User, role: Role) -> None:
    # AK-02
    key = await a_key(world, user)
    caller = await signed_in(world.storage, await add_user(world.storage, role))

    with pytest.raises(NotFound):
        await edit(world, caller, key, name="mine")
    with pytest.raises(NotFound):
        await edit(world, caller, replace(key, id="nothing"), name="mine")


async def test_the_operator_changes_any(world: World, user: User) -> None:
    key = await a_key(world, user)

    assert (await edit(world, Operator(), key, scopes=["self:read"])).scopes == ("self:read",)
    with pytest.raises(ScopeExceedsOwn):
        await edit(world, Operator(), key, scopes=["self:read", "metrics:read"])


async def test_a_revoked_key_is_not_changed(world: World, user: User, owner: Actor) -> None:
    key = await a_key(world, user, revoked_at=START)
    for fields in ({}, {"name": "new"}):
        with pytest.raises(Conflict):
            await edit(world, owner, key, **fields)

    assert await stored(world, key.id) == key


async def test_a_key_without_the_scope_changes_none_not_even_itself(
    world: World, user: User
) -> None:
    # AK-06
    actor = await with_key(world.storage, user, ["self:read", "api_keys:read"])
    key = await stored(world, actor.credential.id)

    with pytest.raises(InsufficientScope):
        await edit(world, actor, key, scopes=["self:read"])


async def test_a_key_narrows_itself(world: World, user: User) -> None:
    actor = await with_key(world.storage, user, ["self:read", "api_keys:write"])
    key = await stored(world, actor.credential.id)

    assert (await edit(world, actor, key, scopes=["self:read"])).scopes == ("self:read",)
    # and what it gave up, it can't use to go on
    with pytest.raises(InsufficientScope):
        await edit(world, actor, key, name="again")


async def test_a_key_revoked_meanwhile_changes_nothing(world: World, user: User) -> None:
    # AK-05
    actor = await with_key(world.storage, user, ["self:read", "api_keys:write"])
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(actor.credential.id, START)
    other = await a_key(world, user)

    with pytest.raises(InvalidToken):
        await edit(world, actor, other, name="mine")


async def test_a_change_says_what_the_rights_became_and_not_what_it_is_called(
    world: World, user: User, owner: Actor
) -> None:
    key = await a_key(world, user, all_environments=OWNER)
    await edit(
        world,
        owner,
        key,
        name="a private name",
        scopes=["self:read"],
        all_environments=None,
        permissions={},
        expires_at=START + DAY,
        allowed_cidrs=("::1", "192.0.2.0/24"),
        rate_limit="5/minute",
    )
    [row] = await world.audit()

    assert (row.event, row.target) == ("api_key.update", f"api_key:{key.id}")
    assert dict(row.details) == {
        "name": "changed",
        "scopes": "self:read",
        "all_environments": None,
        "expires_at": (START + DAY).isoformat(),
        "allowed_cidrs": "::1/128 192.0.2.0/24",
        "rate_limit": "5/minute",
    }


async def test_how_many_entries_are_left_is_audited(world: World, user: User, owner: Actor) -> None:
    key = await a_key(
        world, user, all_environments=None, permissions=entries({"a": OWNER, "b": OWNER})
    )
    await edit(world, owner, key, permissions={"a": OWNER})

    assert [dict(row.details) for row in await world.audit()] == [{"permissions": 1}]
