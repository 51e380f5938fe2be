"""Resets: what they take away, and what they give; and lifting throttling."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from agentbox.core.people.passwords import FIRST_START
from agentbox.core.people.users import UserEdit
from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    InvalidPassword,
    NotFound,
    RateLimited,
    SelfForbidden,
)
from agentbox.model.access.roles import Role
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Actor, Operator
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from tests.core.world import HERE, World, add_key, add_session, add_user, signed_in, with_key

OPERATOR = Operator()
NEW = Secret("a-new-password-of-mine")

Verb = Callable[[World, Actor, str], Awaitable[object]]


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, password="the-old-password")


async def reset(world: World, actor: Actor, user_id: str) -> object:
    return await world.recovery.reset(actor, HERE, user_id)


async def unlock(world: World, actor: Actor, user_id: str) -> object:
    return await world.recovery.unlock(actor, HERE, user_id)


# --- what a reset does --------------------------------------------------------------------------


# PW-10
async def test_the_password_and_the_sessions_go_and_the_keys_stay(world: World, user: User) -> None:
    session = await add_session(world.storage, user)
    key = await add_key(world.storage, user, ["self:read"])
    await world.recovery.reset(OPERATOR, HERE, user.id)
    ended, after = await world.session(session.id), await world.user(user.id)

    assert await world.password(user.id) is None
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    assert after is not None
    assert after.password_change_required
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.api_keys.get(key.id) == key


async def test_what_waits_is_the_digest_for_an_hour(world: World, user: User) -> None:
    issued = await world.recovery.reset(OPERATOR, HERE, user.id)
    waiting = await world.waiting_reset(user.id)

    assert waiting is not None
    assert waiting.digest == hashlib.sha256(issued.secret.reveal().encode()).digest()
    assert waiting.expires_at == issued.expires_at == world.clock.now() + timedelta(hours=1)


async def test_one_who_never_had_a_password_is_reset_too(world: World) -> None:
    user = await add_user(world.storage)
    await world.recovery.reset(OPERATOR, HERE, user.id)

    assert await world.waiting_reset(user.id) is not None


async def test_a_second_secret_replaces_the_first(world: World, user: User) -> None:
    first = await world.recovery.reset(OPERATOR, HERE, user.id)
    world.clock.move(60)
    second = await world.recovery.reset(OPERATOR, HERE, user.id)
    waiting = await world.waiting_reset(user.id)

    assert first.secret.reveal() != second.secret.reveal()
    assert waiting is not None
    assert waiting.digest == hashlib.sha256(second.secret.reveal().encode()).digest()


# OB-01: no secret in what is written or told
async def test_the_audit_says_who_and_whom_and_not_the_secret(world: World, user: User) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    issued = await world.recovery.reset(admin, HERE, user.id)
    rows = await world.audit()

    assert [(row.event, row.actor, row.target, dict(row.details)) for row in rows] == [
        ("user.password_reset", f"user:{admin.user_id}", f"user:{user.id}", {})
    ]
    assert world.events == rows
    assert issued.secret.reveal() not in repr(issued)


async def test_the_first_password_is_forgotten_with_the_reset(world: World, user: User) -> None:
    async with world.storage.transaction() as tx:
        await tx.markers.claim(FIRST_START, user.id)
    await world.recovery.reset(OPERATOR, HERE, user.id)

    assert world.forgotten == ["forgotten"]


@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_one_who_is_not_active_stays_so(world: World, status: Status) -> None:
    user = await add_user(world.storage, status=status)
    await world.recovery.reset(OPERATOR, HERE, user.id)
    after = await world.user(user.id)

    assert after is not None
    assert after.status is status


# --- what makes it void -------------------------------------------------------------------------


async def set_by_an_admin(world: World, user: User) -> None:
    await world.users.edit(OPERATOR, HERE, user.id, UserEdit(password=NEW))


async def changed_by_its_owner(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user, restrictions=(PASSWORD_CHANGE_REQUIRED,))
    await world.passwords.change_own(caller, HERE, current=None, new=NEW)


# PW-10
@pytest.mark.parametrize("change", [set_by_an_admin, changed_by_its_owner])
async def test_a_password_that_is_set_makes_a_waiting_reset_void(
    world: World, user: User, change: Callable[[World, User], Awaitable[None]]
) -> None:
    await world.recovery.reset(OPERATOR, HERE, user.id)
    await change(world, user)
    after = await world.user(user.id)

    assert await world.waiting_reset(user.id) is None
    assert await world.password(user.id) is not None
    assert after is not None
    assert not after.password_change_required


async def test_a_reset_goes_with_its_user(world: World, user: User) -> None:
    await world.recovery.reset(OPERATOR, HERE, user.id)
    await world.users.delete(OPERATOR, HERE, user.id)

    assert await world.waiting_reset(user.id) is None


# --- who may ------------------------------------------------------------------------------------


async def untouched(world: World, user: User) -> bool:
    same = await world.user(user.id) == user and await world.password(user.id) is not None
    return same and await world.waiting_reset(user.id) is None and await world.audit() == []


# AZ-03
@pytest.mark.parametrize("verb", [reset, unlock])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_recovers_no_equal_and_no_higher(
    world: World, role: Role, verb: Verb
) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    other = await add_user(world.storage, role, password="the-old-password")

    with pytest.raises(InsufficientRank):
        await verb(world, admin, other.id)
    assert await untouched(world, other)


@pytest.mark.parametrize("verb", [reset, unlock])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_admins_do_not_recover_themselves(world: World, role: Role, verb: Verb) -> None:
    user = await add_user(world.storage, role, password="the-old-password")
    actor = await signed_in(world.storage, user)

    with pytest.raises(SelfForbidden):
        await verb(world, actor, user.id)
    assert await untouched(world, user)


@pytest.mark.parametrize("verb", [reset, unlock])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
async def test_others_recover_nobody_existing_or_not(
    world: World, user: User, role: Role, verb: Verb
) -> None:
    actor = await signed_in(world.storage, await add_user(world.storage, role))

    for user_id in (user.id, actor.user_id, "nobody"):
        with pytest.raises(InsufficientRole):
            await verb(world, actor, user_id)
    assert await untouched(world, user)


# AK-04
@pytest.mark.parametrize("verb", [reset, unlock])
async def test_a_key_needs_the_scope_of_credentials(world: World, user: User, verb: Verb) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    key = await with_key(world.storage, root, ["users:write", "users:read", "roles:write"])

    with pytest.raises(InsufficientScope) as refused:
        await verb(world, key, user.id)
    assert refused.value.scope == "users:credentials"
    assert await untouched(world, user)


@pytest.mark.parametrize("verb", [reset, unlock])
async def test_nobody_there_is_not_found(world: World, verb: Verb) -> None:
    with pytest.raises(NotFound):
        await verb(world, OPERATOR, "nobody")


async def test_unlocking_lifts_what_is_counted_and_is_audited(world: World, user: User) -> None:
    for _ in range(5):
        with pytest.raises(InvalidPassword):
            async with world.guesses.judge(user.id, HERE):
                raise InvalidPassword
    with pytest.raises(RateLimited):
        async with world.guesses.judge(user.id, HERE):
            pass

    assert await world.recovery.unlock(OPERATOR, HERE, user.id) == user
    assert [(row.event, row.actor, row.target) for row in await world.audit()] == [
        ("user.unlock", "operator", f"user:{user.id}")
    ]
    async with world.guesses.judge(user.id, HERE):
        pass
