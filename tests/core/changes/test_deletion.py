"""Deleting a user: who inherits its environments, and that the rest is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from agentbox.errors import LastSuperAdmin, Problem
from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import Environment, EnvironmentStatus, Grant
from agentbox.model.ids import new_id
from agentbox.model.principal import Operator, Principal
from agentbox.model.users import PasswordReset, Status, User
from tests.core.world import HERE, START, World, add_key, add_session, add_user, signed_in, with_key

OPERATOR = Operator()
OWNER, EDITOR, VIEWER = Permission.OWNER, Permission.EDITOR, Permission.VIEWER


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, password="the-old-password")


@pytest.fixture
async def admin(world: World) -> Principal:
    return await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))


async def add_environment(world: World, user_id: str, **grants: Permission) -> str:
    """An environment of that user's, who owns it, and what others were granted on it."""
    environment = Environment(
        id=new_id(),
        user_id=user_id,
        name="sandbox",
        status=EnvironmentStatus.PENDING,
        created_at=START,
    )
    async with world.storage.transaction() as tx:
        await tx.environments.add(environment)
        for number, (id_, permission) in enumerate({user_id: OWNER, **grants}.items()):
            grant = Grant(
                id=new_id(),
                user_id=id_,
                environment_id=environment.id,
                permission=permission,
                granted_at=START + timedelta(seconds=number),
            )
            await tx.grants.add(grant)
    return environment.id


async def owner_of(world: World, environment_id: str) -> tuple[str, Sequence[str]]:
    """Whose it is, and who owns it."""
    async with world.storage.transaction(read_only=True) as tx:
        seen = await tx.environments.get(environment_id, "")
        assert seen is not None
        return seen.environment.user_id, await tx.grants.owners(environment_id)


async def grant(world: World, user_id: str, environment_id: str) -> Grant | None:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.grants.get(user_id, environment_id)


async def granted(world: World) -> list[tuple[str, str | None, dict[str, object]]]:
    return [
        (row.actor, row.target, dict(row.details))
        for row in await world.audit()
        if row.event == "permission.grant"
    ]


async def test_what_it_alone_owned_passes_to_the_acting_admin(
    world: World, user: User, admin: Principal
) -> None:
    environments = [await add_environment(world, user.id) for _ in range(3)]
    await world.users.delete(admin, HERE, user.id)

    for environment_id in environments:
        assert await owner_of(world, environment_id) == (admin.user_id, [admin.user_id])
        inherited = await grant(world, admin.user_id, environment_id)
        assert inherited is not None
        assert (inherited.granted_by, inherited.granted_at) == (admin.user_id, START)
    assert sorted(await granted(world), key=str) == sorted(
        (
            (
                f"user:{admin.user_id}",
                f"environment:{environment_id}",
                {
                    "environment_id": environment_id,
                    "user_id": admin.user_id,
                    "permission": "owner",
                },
            )
            for environment_id in environments
        ),
        key=str,
    )
    assert (await world.audit())[-1].event == "user.delete"


@pytest.mark.parametrize("lower", [VIEWER, EDITOR])
async def test_a_lower_grant_of_the_heir_is_raised(
    world: World, user: User, admin: Principal, lower: Permission
) -> None:
    environment_id = await add_environment(world, user.id, **{admin.user_id: lower})
    before = await grant(world, admin.user_id, environment_id)
    await world.users.delete(admin, HERE, user.id)
    after = await grant(world, admin.user_id, environment_id)

    assert before is not None
    assert after is not None
    assert (after.id, after.permission) == (before.id, OWNER)
    assert await owner_of(world, environment_id) == (admin.user_id, [admin.user_id])


async def test_what_it_shared_stays_with_the_longest_standing_other_owner(
    world: World, user: User, admin: Principal
) -> None:
    second, third = [await add_user(world.storage) for _ in range(2)]
    environment_id = await add_environment(
        world, user.id, **{second.id: OWNER, third.id: OWNER, admin.user_id: VIEWER}
    )
    await world.users.delete(admin, HERE, user.id)
    seen = await grant(world, admin.user_id, environment_id)

    assert await owner_of(world, environment_id) == (second.id, [second.id, third.id])
    assert await granted(world) == []
    assert seen is not None
    assert seen.permission is VIEWER


async def test_what_others_own_stays_theirs(world: World, user: User, admin: Principal) -> None:
    other = await add_user(world.storage)
    environment_id = await add_environment(world, other.id, **{user.id: EDITOR})
    await world.users.delete(admin, HERE, user.id)

    assert await owner_of(world, environment_id) == (other.id, [other.id])
    assert await grant(world, user.id, environment_id) is None
    assert await granted(world) == []


async def test_the_owner_of_a_key_inherits_what_the_key_deletes(world: World, user: User) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    key = await with_key(world.storage, root, ["users:write"])
    environment_id = await add_environment(world, user.id)
    await world.users.delete(key, HERE, user.id)

    assert await owner_of(world, environment_id) == (root.id, [root.id])
    assert [row[0] for row in await granted(world)] == [f"api_key:{key.credential.id}"]


# --- the operator -------------------------------------------------------------------------------


async def test_for_the_operator_the_longest_standing_super_admin_inherits(
    world: World, user: User
) -> None:
    times = {"resting": 1, "first": 2, "second": 3, "third": 4}
    made = {
        name: await add_user(
            world.storage,
            Role.SUPER_ADMIN,
            username=name,
            created_at=START + timedelta(seconds=at),
            status=Status.INACTIVE if name == "resting" else Status.ACTIVE,
        )
        for name, at in reversed(times.items())
    }
    await add_user(world.storage, Role.ADMIN, created_at=START)
    environment_id = await add_environment(world, user.id)
    await world.users.delete(OPERATOR, HERE, user.id)
    first = made["first"]
    inherited = await grant(world, first.id, environment_id)

    assert await owner_of(world, environment_id) == (first.id, [first.id])
    assert inherited is not None
    assert inherited.granted_by == first.id
    assert [row[0] for row in await granted(world)] == ["operator"]

    await world.users.delete(OPERATOR, HERE, first.id)
    assert await owner_of(world, environment_id) == (made["second"].id, [made["second"].id])


async def test_without_an_heir_nothing_is_deleted(world: World, user: User) -> None:
    environment_id = await add_environment(world, user.id)

    with pytest.raises(LastSuperAdmin):
        await world.users.delete(OPERATOR, HERE, user.id)
    assert await owner_of(world, environment_id) == (user.id, [user.id])
    assert (await world.user(user.id), await world.audit()) == (user, [])


async def test_a_user_without_environments_needs_no_heir(world: World, user: User) -> None:
    await world.users.delete(OPERATOR, HERE, user.id)

    assert await world.user(user.id) is None


# --- nothing is left ----------------------------------------------------------------------------


# JWT-13
async def test_all_that_hung_on_it_is_gone_and_the_name_made_again_has_none_of_it(
    world: World, user: User, admin: Principal
) -> None:
    session, key = await add_session(world.storage, user), await add_key(world.storage, user, [])
    mine = await add_environment(world, user.id)
    shared = await add_environment(world, admin.user_id, **{user.id: OWNER})
    async with world.storage.transaction() as tx:
        await tx.password_resets.put(PasswordReset(user.id, b"digest", START, START))
    await world.users.delete(admin, HERE, user.id)
    again = await add_user(world.storage, username=user.username)

    assert again.id != user.id
    assert await world.session(session.id) is None
    for user_id in (user.id, again.id):
        assert await world.password(user_id) is None
        assert await world.waiting_reset(user_id) is None
        assert [await grant(world, user_id, each) for each in (mine, shared)] == [None, None]
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.api_keys.get(key.id) is None


# AZ-03, AZ-05
async def test_a_refused_deletion_moves_nothing(world: World, admin: Principal) -> None:
    equal = await add_user(world.storage, Role.ADMIN)
    last = await add_user(world.storage, Role.SUPER_ADMIN)
    environments = [await add_environment(world, each.id) for each in (equal, last)]
    for actor, target in ((admin, equal), (admin, last), (OPERATOR, last), (admin, admin.user)):
        with pytest.raises(Problem):
            await world.users.delete(actor, HERE, target.id)

    assert [await owner_of(world, each) for each in environments] == [
        (equal.id, [equal.id]),
        (last.id, [last.id]),
    ]
    assert await world.audit() == []
