"""Enabling and disabling: one user, or several of which each is judged alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    NotFound,
    SelfForbidden,
)
from agentbox.model.access.roles import Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import Status, User
from tests.core.world import HERE, World, add_key, add_session, add_user, signed_in, with_key

OPERATOR = Operator()
OFF, ON = Status.INACTIVE, Status.ACTIVE


async def codes(
    world: World, actor: Actor, ids: Sequence[str], to: Status
) -> list[tuple[str, str | None]]:
    switched = await world.users.switch_each(actor, HERE, ids, to)
    return [(each.user_id, each.refusal.code if each.refusal else None) for each in switched]


async def statuses(world: World, users: Sequence[User]) -> list[Status]:
    there = [await world.user(user.id) for user in users]
    return [user.status for user in there if user is not None]


# --- one ----------------------------------------------------------------------------------------


async def test_one_who_is_disabled_loses_the_sessions_and_keeps_the_keys(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    key = await add_key(world.storage, user, ["self:read"])
    switched = await world.users.switch(OPERATOR, HERE, user.id, OFF)
    ended = await world.session(session.id)

    assert switched.status is OFF
    assert ended is not None
    assert ended.ended_at == world.clock.now()
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.api_keys.get(key.id) == key


async def test_one_who_is_enabled_again_has_no_old_session(world: World) -> None:
    user = await add_user(world.storage)
    session = await add_session(world.storage, user)
    for to in (OFF, ON):
        await world.users.switch(OPERATOR, HERE, user.id, to)
    there = await world.session(session.id)

    assert there is not None
    assert not there.live(world.clock.now())


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("to", [OFF, ON])
async def test_it_is_audited_if_it_changes_anything(
    world: World, before: Status, to: Status
) -> None:
    user = await add_user(world.storage, status=before)
    await world.users.switch(OPERATOR, HERE, user.id, to)

    assert await statuses(world, [user]) == [to]
    assert [(row.event, row.target, dict(row.details)) for row in await world.audit()] == (
        []
        if before is to
        else [
            (
                "user.update",
                f"user:{user.id}",
                {"status": to.value, "status_before": before.value},
            )
        ]
    )


# AZ-03
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
@pytest.mark.parametrize("to", [OFF, ON])
async def test_an_admin_switches_no_equal_and_no_higher(
    world: World, role: Role, to: Status
) -> None:
    admin = await signed_in(world.storage, await add_user(world.storage, Role.ADMIN))
    other = await add_user(world.storage, role, status=Status.SUSPENDED)

    with pytest.raises(InsufficientRank):
        await world.users.switch(admin, HERE, other.id, to)
    assert await statuses(world, [other]) == [Status.SUSPENDED]


@pytest.mark.parametrize("to", [OFF, ON])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_nobody_switches_themselves(world: World, role: Role, to: Status) -> None:
    await add_user(world.storage, Role.SUPER_ADMIN)
    user = await add_user(world.storage, role)
    actor = await signed_in(world.storage, user)

    with pytest.raises(SelfForbidden):
        await world.users.switch(actor, HERE, user.id, to)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
async def test_others_switch_nobody_not_even_themselves(world: World, role: Role) -> None:
    user = await add_user(world.storage, role)
    actor = await signed_in(world.storage, user)

    for user_id in (user.id, (await add_user(world.storage)).id, "nobody"):
        with pytest.raises(InsufficientRole):
            await world.users.switch(actor, HERE, user_id, OFF)
        with pytest.raises(InsufficientRole):
            await world.users.switch_each(actor, HERE, [user_id], OFF)


async def test_nobody_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.users.switch(OPERATOR, HERE, "nobody", OFF)


async def test_a_key_needs_the_scope(world: World) -> None:
    key = await with_key(
        world.storage, await add_user(world.storage, Role.SUPER_ADMIN), ["users:read"]
    )
    user = await add_user(world.storage)

    with pytest.raises(InsufficientScope):
        await world.users.switch(key, HERE, user.id, OFF)
    with pytest.raises(InsufficientScope):
        await world.users.switch_each(key, HERE, [user.id], OFF)


# --- several ------------------------------------------------------------------------------------


# AZ-03
async def test_each_is_judged_alone_in_the_order_given(world: World) -> None:
    me = await add_user(world.storage, Role.ADMIN)
    users = {role: await add_user(world.storage, role) for role in Role}
    ids = ["nobody", users[Role.SUPER_ADMIN].id, users[Role.USER].id, me.id]
    ids += [users[Role.ADMIN].id, users[Role.VIEWER].id]

    assert await codes(world, await signed_in(world.storage, me), ids, OFF) == [
        ("nobody", "not_found"),
        (users[Role.SUPER_ADMIN].id, "insufficient_rank"),
        (users[Role.USER].id, None),
        (me.id, "self_forbidden"),
        (users[Role.ADMIN].id, "insufficient_rank"),
        (users[Role.VIEWER].id, None),
    ]
    assert await statuses(world, list(users.values())) == [OFF, OFF, ON, ON]
    assert await statuses(world, [me]) == [ON]


async def test_there_is_one_row_for_each_that_changed(world: World) -> None:
    on = [await add_user(world.storage) for _ in range(3)]
    off = await add_user(world.storage, status=OFF)
    ids = [user.id for user in (*on, off)]

    assert await codes(world, OPERATOR, [*ids, "nobody"], OFF) == [
        *((each, None) for each in ids),
        ("nobody", "not_found"),
    ]
    assert [row.target for row in await world.audit()] == [f"user:{user.id}" for user in on]


async def test_suspended_ones_become_active(world: World) -> None:
    users = [await add_user(world.storage, status=status) for status in Status]
    await codes(world, OPERATOR, [user.id for user in users], ON)

    assert await statuses(world, users) == [ON, ON, ON]


async def test_none_at_all_is_nothing_to_do(world: World) -> None:
    assert await codes(world, OPERATOR, [], OFF) == []


async def test_all_of_them_change_in_one_transaction(world: World) -> None:
    users = [await add_user(world.storage) for _ in range(4)]
    await codes(world, OPERATOR, [user.id for user in users], OFF)

    assert len({row.time for row in await world.audit()}) == 1
    assert [event.target for event in world.events] == [f"user:{user.id}" for user in users]
