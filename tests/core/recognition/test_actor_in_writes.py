"""A write reads its actor again, inside its own transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from agentbox.core.keys.making import NewApiKey
from agentbox.core.people.users import NewUser, UserEdit
from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    InvalidToken,
    Problem,
)
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.roles import Role
from agentbox.model.principal import Principal
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from agentbox.plugin.storage import Storage
from tests.core.world import HERE, SCOPES, PlainHasher, World, add_user, signed_in, with_key

Write = Callable[[World, Principal, User], Awaitable[object]]


async def create(world: World, actor: Principal, target: User) -> object:
    return await world.users.create(actor, HERE, NewUser(username="new"))


async def edit(world: World, actor: Principal, target: User) -> object:
    edit = UserEdit(status=Status.INACTIVE)
    return await world.users.edit(actor, HERE, target.id, edit)


async def delete(world: World, actor: Principal, target: User) -> object:
    await world.users.delete(actor, HERE, target.id)
    return None


async def switch(world: World, actor: Principal, target: User) -> object:
    return await world.users.switch(actor, HERE, target.id, Status.INACTIVE)


async def switch_each(world: World, actor: Principal, target: User) -> object:
    return await world.users.switch_each(actor, HERE, [target.id], Status.INACTIVE)


async def reset(world: World, actor: Principal, target: User) -> object:
    return await world.recovery.reset(actor, HERE, target.id)


async def unlock(world: World, actor: Principal, target: User) -> object:
    return await world.recovery.unlock(actor, HERE, target.id)


async def end_sessions(world: World, actor: Principal, target: User) -> object:
    return await world.sessions.end_all_of(actor, HERE, target.id)


WRITES: list[Write] = [
    create,
    edit,
    delete,
    switch,
    switch_each,
    reset,
    unlock,
    end_sessions,
]


@pytest.fixture
async def admin(world: World) -> User:
    return await add_user(world.storage, Role.ADMIN)


@pytest.fixture
async def target(world: World) -> User:
    return await add_user(world.storage)


async def written(world: World, target: User) -> list[object]:
    """What there is to see of any write."""
    async with world.storage.transaction(read_only=True) as tx:
        new = await tx.users.by_username("new")
    return [new, *(await world.audit())] + ([] if await world.user(target.id) == target else ["x"])


# AZ-10, in spirit: the right is judged again where the write is
@pytest.mark.parametrize("write", WRITES)
async def test_an_actor_demoted_meanwhile_writes_nothing(
    world: World, admin: User, target: User, write: Write
) -> None:
    actor = await signed_in(world.storage, admin)
    await world.change(admin, role=Role.USER)

    with pytest.raises(InsufficientRole):
        await write(world, actor, target)
    assert await written(world, target) == [None]


# AZ-10
@pytest.mark.parametrize("write", WRITES)
async def test_an_actor_disabled_meanwhile_writes_nothing(
    world: World, admin: User, target: User, write: Write
) -> None:
    actor = await signed_in(world.storage, admin)
    await world.change(admin, status=Status.INACTIVE)

    with pytest.raises(InvalidToken):
        await write(world, actor, target)
    assert await written(world, target) == [None]


# AZ-10
@pytest.mark.parametrize("write", WRITES)
async def test_an_actor_signed_out_meanwhile_writes_nothing(
    world: World, admin: User, target: User, write: Write
) -> None:
    actor = await signed_in(world.storage, admin)
    async with world.storage.transaction() as tx:
        await tx.sessions.end(actor.session_id or "", world.clock.now())

    with pytest.raises(InvalidToken):
        await write(world, actor, target)
    assert await written(world, target) == [None]


# AZ-10, AK-05
@pytest.mark.parametrize("write", WRITES)
async def test_a_key_revoked_meanwhile_writes_nothing(
    world: World, admin: User, target: User, write: Write
) -> None:
    actor = await with_key(world.storage, admin, ["users:write"])
    async with world.storage.transaction() as tx:
        await tx.api_keys.revoke(actor.credential.id, world.clock.now())

    with pytest.raises(InvalidToken):
        await write(world, actor, target)
    assert await written(world, target) == [None]


async def test_a_key_narrowed_meanwhile_no_longer_changes_ones_own_address(
    world: World, target: User
) -> None:
    actor = await with_key(world.storage, target, ["self:read", "self:write"])
    async with world.storage.transaction() as tx:
        key = await tx.api_keys.get(actor.credential.id)
        assert key is not None
        await tx.api_keys.replace(replace(key, scopes=("self:read",)))

    with pytest.raises(InsufficientScope):
        await world.users.edit(actor, HERE, target.id, UserEdit(email="new@example.org"))
    assert await written(world, target) == [None]


async def test_an_actor_who_is_deleted_meanwhile_makes_no_key(world: World, admin: User) -> None:
    actor = await signed_in(world.storage, admin)
    async with world.storage.transaction() as tx:
        await tx.users.delete(admin.id)

    with pytest.raises(InvalidToken):
        await world.api_keys.create(actor, HERE, NewApiKey())


async def test_a_demoted_makers_key_gets_only_what_is_left(world: World, admin: User) -> None:
    actor = await signed_in(world.storage, admin)
    await world.change(admin, role=Role.USER)

    with pytest.raises(Problem):
        await world.api_keys.create(actor, HERE, NewApiKey(scopes=frozenset({"users:read"})))


async def test_a_promotion_meanwhile_adds_no_scope_to_the_request(world: World) -> None:
    user = await add_user(world.storage)
    actor = await signed_in(world.storage, user)
    await world.change(user, role=Role.ADMIN)

    async with world.changes.begin(actor, HERE) as work:
        with pytest.raises(InsufficientScope):
            require_scope(work.actor, "users:write", SCOPES)


async def test_a_key_keeps_its_scopes_in_the_write(world: World, admin: User) -> None:
    actor = await with_key(world.storage, admin, ["self:read", "users:write"])
    async with world.changes.begin(actor, HERE) as work:
        assert isinstance(work.actor, Principal)
        scopes = work.actor.scopes

    assert scopes == {"self:read", "users:write"}


async def test_a_change_that_fails_tells_no_event(world: World, admin: User) -> None:
    actor = await signed_in(world.storage, admin)

    async def fail() -> None:
        async with world.changes.begin(actor, HERE) as work:
            await work.record("user.update", "user:x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (world.events, await world.audit()) == ([], [])


async def test_a_change_that_is_committed_tells_its_events(world: World, admin: User) -> None:
    actor = await signed_in(world.storage, admin)
    async with world.changes.begin(actor, HERE) as work:
        await work.record("user.update", "user:x")

    assert world.events == await world.audit()


# AZ-03, AZ-10: the target is judged again too
async def test_a_target_promoted_meanwhile_is_not_touched(
    storage: Storage, admin: User, target: User
) -> None:
    class Slow(PlainHasher):
        async def hash(self, password: Secret) -> str:
            await world.change(target, role=Role.ADMIN)
            return await super().hash(password)

    world = World(storage, hasher=Slow())
    actor = await signed_in(storage, admin)
    edit = UserEdit(password=Secret("a-password-for-another"))

    with pytest.raises(InsufficientRank):
        await world.users.edit(actor, HERE, target.id, edit)
    assert await world.audit() == []
