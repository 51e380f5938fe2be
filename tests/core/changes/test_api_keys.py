"""API keys: never more than their maker, never wider than their maker's key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.keys.api_keys import MadeKey
from agentbox.core.keys.making import NewApiKey
from agentbox.errors import (
    InsufficientScope,
    InvalidToken,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    ScopeConflict,
    ScopeExceedsOwn,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import Status, User
from tests.core.world import HERE, SCOPES, START, World, add_key, add_user, signed_in, with_key

DAY = timedelta(days=1)


async def make(world: World, maker: Actor, **new: Any) -> MadeKey:
    if "scopes" in new:
        new["scopes"] = frozenset(new["scopes"])
    return await world.api_keys.create(maker, HERE, NewApiKey(**new))


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage)


# --- scopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
async def test_without_scopes_a_key_has_the_default_ones_of_the_role(
    world: World, role: Role
) -> None:
    maker = await signed_in(world.storage, await add_user(world.storage, role))

    assert set((await make(world, maker)).record.scopes) == SCOPES.defaults_for(role)


# AK-03
async def test_nobody_gives_a_scope_beyond_the_role(world: World, user: User) -> None:
    with pytest.raises(ScopeExceedsOwn):
        await make(world, await signed_in(world.storage, user), scopes=["self:read", "users:read"])


# AK-03: the maker's key is a limit too
async def test_a_key_gives_no_scope_that_it_has_not(world: World) -> None:
    admin = await add_user(world.storage, Role.ADMIN)
    maker = await with_key(world.storage, admin, ["api_keys:write", "self:read"])

    with pytest.raises(ScopeExceedsOwn):
        await make(world, maker, scopes=["users:read"])


async def test_a_keys_key_inherits_default_scopes_within_its_makers(
    world: World, user: User
) -> None:
    maker = await with_key(world.storage, user, ["api_keys:write", "self:read"])

    assert (await make(world, maker)).record.scopes == ("self:read",)


async def test_a_key_without_any_default_scope_makes_none(world: World, user: User) -> None:
    maker = await with_key(world.storage, user, ["api_keys:write"])

    with pytest.raises(ScopeExceedsOwn):
        await make(world, maker)


# AK-06
async def test_a_default_key_makes_no_key(world: World, user: User) -> None:
    maker = await with_key(world.storage, user, sorted(SCOPES.defaults_for(user.role)))

    with pytest.raises(InsufficientScope):
        await make(world, maker)


# AK-03: an empty list never means all
async def test_no_scopes_are_no_scopes(world: World, user: User) -> None:
    made = await make(world, await signed_in(world.storage, user), scopes=[])

    assert made.record.scopes == ()


# --- environments --------------------------------------------------------------------------------


async def test_without_a_word_a_key_reads_all_environments(world: World, user: User) -> None:
    made = await make(world, await signed_in(world.storage, user))

    assert made.record.all_environments is Permission.VIEWER


async def test_an_empty_list_is_no_environment(world: World, user: User) -> None:
    made = await make(world, await signed_in(world.storage, user), permissions={})

    assert made.record.all_environments is None


async def test_more_is_said_explicitly(world: World, user: User) -> None:
    maker = await signed_in(world.storage, user)

    assert (
        await make(world, maker, all_environments=Permission.OWNER)
    ).record.all_environments is (Permission.OWNER)


async def test_a_viewers_key_does_no_more_than_view(world: World) -> None:
    maker = await signed_in(world.storage, await add_user(world.storage, Role.VIEWER))

    with pytest.raises(PermissionExceedsRole):
        await make(world, maker, all_environments=Permission.EDITOR)


@pytest.mark.parametrize("own", [Permission.VIEWER, Permission.EDITOR, Permission.OWNER])
async def test_a_keys_key_inherits_its_makers_environments(
    world: World, user: User, own: Permission
) -> None:
    maker = await with_key(
        world.storage, user, ["api_keys:write", "self:read"], all_environments=own
    )

    assert (await make(world, maker)).record.all_environments is own


@pytest.mark.parametrize("own", [None, Permission.VIEWER])
async def test_a_keys_key_gets_no_more_environments(
    world: World, user: User, own: Permission | None
) -> None:
    maker = await with_key(
        world.storage, user, ["api_keys:write", "self:read"], all_environments=own
    )

    with pytest.raises(PermissionExceedsOwn):
        await make(world, maker, all_environments=Permission.EDITOR)


async def test_a_demoted_viewers_key_passes_on_no_more_than_viewing(world: World) -> None:
    viewer = await add_user(world.storage, Role.VIEWER)
    maker = await with_key(
        world.storage,
        viewer,
        ["api_keys:write", "self:read"],
        all_environments=Permission.EDITOR,
    )

    assert (await make(world, maker)).record.all_environments is Permission.VIEWER


@pytest.mark.parametrize("scope", ["users:read", "roles:write", "audit:read", "system:read"])
async def test_a_key_without_environments_reaches_nothing_beyond_them(
    world: World, scope: str
) -> None:
    maker = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))

    with pytest.raises(ScopeConflict):
        await make(world, maker, scopes=[scope], permissions={})


# --- expiry --------------------------------------------------------------------------------------


async def test_without_a_word_a_key_does_not_expire(world: World, user: User) -> None:
    assert (await make(world, await signed_in(world.storage, user))).record.expires_at is None


# AK-05
@pytest.mark.parametrize("moment", [START, START - DAY])
async def test_an_expiry_lies_in_the_future(world: World, user: User, moment: Any) -> None:
    with pytest.raises(ValidationFailed):
        await make(world, await signed_in(world.storage, user), expires_at=moment)


async def test_the_longest_lifetime_counts_if_nothing_is_said(world: World, user: User) -> None:
    keys = world.keys(max_lifetime=DAY)
    made = await keys.create(await signed_in(world.storage, user), HERE, NewApiKey())

    assert made.record.expires_at == START + DAY


# AK-05: an enforced maximum
async def test_nothing_outlives_the_longest_lifetime(world: World, user: User) -> None:
    keys = world.keys(max_lifetime=DAY)
    new = NewApiKey(expires_at=START + DAY + timedelta(microseconds=1))

    with pytest.raises(ValidationFailed):
        await keys.create(await signed_in(world.storage, user), HERE, new)


async def test_a_keys_key_ends_with_its_maker(world: World, user: User) -> None:
    maker = await with_key(
        world.storage, user, ["api_keys:write", "self:read"], expires_at=START + DAY
    )

    assert (await make(world, maker)).record.expires_at == START + DAY


async def test_a_keys_key_does_not_outlive_its_maker(world: World, user: User) -> None:
    maker = await with_key(
        world.storage, user, ["api_keys:write", "self:read"], expires_at=START + DAY
    )

    with pytest.raises(ValidationFailed):
        await make(world, maker, expires_at=START + 2 * DAY)


# --- whose ---------------------------------------------------------------------------------------


# AK-02
async def test_nobody_makes_a_key_for_another(world: World, user: User) -> None:
    root = await signed_in(world.storage, await add_user(world.storage, Role.SUPER_ADMIN))

    with pytest.raises(NotFound):
        await world.api_keys.create(root, HERE, NewApiKey(), owner_id=user.id)


async def test_the_operator_makes_a_key_for_anyone(world: World, user: User) -> None:
    made = await world.api_keys.create(Operator(), HERE, NewApiKey(), owner_id=user.id)

    assert made.record.user_id == user.id


async def test_the_operator_gives_no_scope_beyond_the_owners_role(world: World, user: User) -> None:
    with pytest.raises(ScopeExceedsOwn):
        await world.api_keys.create(
            Operator(), HERE, NewApiKey(scopes=frozenset({"users:read"})), owner_id=user.id
        )


async def test_the_operator_makes_none_for_one_who_is_not_active(world: World) -> None:
    idle = await add_user(world.storage, status=Status.INACTIVE)

    with pytest.raises(InvalidToken):
        await world.api_keys.create(Operator(), HERE, NewApiKey(), owner_id=idle.id)


# AK-01: only a digest is kept
async def test_the_text_of_a_key_is_not_kept(world: World, user: User, database: Any) -> None:
    made = await make(world, await signed_in(world.storage, user))
    secret = made.text.reveal()[len(made.record.key_prefix) + 1 :].encode()
    kept = database.content()

    assert made.record.id.encode() in kept
    assert secret not in kept


async def test_making_is_audited_without_the_key(world: World, user: User) -> None:
    maker = await signed_in(world.storage, user)
    made = await make(world, maker)
    row = (await world.audit())[0]

    assert (row.event, row.actor, row.target, dict(row.details)) == (
        "api_key.create",
        f"user:{user.id}",
        f"api_key:{made.record.id}",
        {"user_id": user.id},
    )


async def test_revoking_twice_changes_and_audits_once(world: World, user: User) -> None:
    maker = await signed_in(world.storage, user)
    key = await add_key(world.storage, user, ["self:read"])
    await world.api_keys.revoke(maker, HERE, key.id)
    await world.api_keys.revoke(maker, HERE, key.id)

    assert [row.event for row in await world.audit()] == ["api_key.revoke"]
