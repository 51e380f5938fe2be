"""Sessions that have begun: who sees and ends whose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from agentbox.core.paging import Asked
from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    InvalidCursor,
    NotFound,
    SelfForbidden,
    SessionRequired,
    ValidationFailed,
)
from agentbox.model.access.roles import Role
from agentbox.model.principal import Actor, Operator, Principal
from agentbox.model.sessions import Session
from agentbox.model.users import User
from tests.core.world import HERE, START, World, add_session, add_user, signed_in, with_key

OPERATOR = Operator()
ALL = Asked(1000)
EVERYTHING = ["users:credentials", "users:write", "users:read"]

Verb = Callable[[World, Actor, str], Awaitable[object]]


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage)


async def read(world: World, actor: Actor, user_id: str) -> object:
    return await world.sessions.list_of(actor, user_id, ALL)


async def end(world: World, actor: Actor, user_id: str) -> object:
    return await world.sessions.end_all_of(actor, HERE, user_id)


async def live(world: World, session: Session) -> bool:
    there = await world.session(session.id)
    assert there is not None
    return there.live(world.clock.now())


# --- one's own ----------------------------------------------------------------------------------


async def test_one_sees_ones_own_live_ones_newest_first(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    newer = await add_session(world.storage, user, created_at=START + timedelta(seconds=1))
    await add_session(world.storage, user, ended_at=START)
    await add_session(world.storage, user, expires_at=START)
    await add_session(world.storage, await add_user(world.storage))
    found = await world.sessions.list_own(caller, ALL)

    assert [each.id for each in found.rows] == [newer.id, caller.session_id]
    assert (found.total, found.next_cursor) == (2, None)


async def test_pages_lead_from_one_to_the_next(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    made = [
        await add_session(world.storage, user, created_at=START + timedelta(seconds=1 + number))
        for number in range(6)
    ]
    seen: list[str] = []
    asked: Asked | None = Asked(3)
    while asked is not None:
        found = await world.sessions.list_own(caller, asked)
        seen += [each.id for each in found.rows]
        asked = Asked(3, cursor=found.next_cursor) if found.next_cursor else None

    assert seen == [*(each.id for each in reversed(made)), caller.session_id]


async def test_a_cursor_is_for_the_list_of_one_user(world: World, user: User) -> None:
    for _ in range(2):
        await add_session(world.storage, user)
    caller = await signed_in(world.storage, await add_user(world.storage))
    cursor = (await world.sessions.list_of(OPERATOR, user.id, Asked(1))).next_cursor

    with pytest.raises(InvalidCursor):
        await world.sessions.list_own(caller, Asked(1, cursor=cursor))
    with pytest.raises(ValidationFailed):
        await world.sessions.list_of(OPERATOR, user.id, Asked(1, 1, cursor))


async def test_one_ends_one_of_ones_own(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    other, kept = [await add_session(world.storage, user) for _ in range(2)]
    await world.sessions.end_own(caller, HERE, other.id)

    assert [await live(world, each) for each in (other, kept)] == [False, True]
    assert [(row.event, row.actor, row.target) for row in await world.audit()] == [
        ("session.end", f"user:{user.id}", f"session:{other.id}")
    ]


async def test_what_is_not_ones_own_or_is_over_is_not_there(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    elsewhere = await add_session(world.storage, await add_user(world.storage))
    over = await add_session(world.storage, user, ended_at=START)
    expired = await add_session(world.storage, user, expires_at=START)

    for session_id in (elsewhere.id, over.id, expired.id, "nothing", ""):
        with pytest.raises(NotFound):
            await world.sessions.end_own(caller, HERE, session_id)
    assert await live(world, elsewhere)
    assert await world.audit() == []


async def test_one_ends_all_of_ones_own_but_this(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    others = [await add_session(world.storage, user) for _ in range(3)]
    elsewhere = await add_session(world.storage, await add_user(world.storage))

    assert await world.sessions.end_others(caller, HERE) == 3
    assert [await live(world, each) for each in (*others, elsewhere)] == [False] * 3 + [True]
    assert (await world.sessions.list_own(caller, ALL)).total == 1
    assert [(row.event, dict(row.details)) for row in await world.audit()] == [
        ("user.sessions_end", {"ended": 3})
    ]


OWN: dict[str, Callable[[World, Principal], Awaitable[object]]] = {
    "list": lambda world, caller: world.sessions.list_own(caller, ALL),
    "end one": lambda world, caller: world.sessions.end_own(caller, HERE, "x"),
    "end others": lambda world, caller: world.sessions.end_others(caller, HERE),
    "list by id": lambda world, caller: world.sessions.list_of(caller, caller.user_id, ALL),
}


@pytest.mark.parametrize("verb", OWN.values(), ids=OWN)
async def test_a_key_neither_sees_nor_ends_the_sessions_of_its_owner(
    world: World, verb: Callable[[World, Principal], Awaitable[object]]
) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    session = await add_session(world.storage, root)
    key = await with_key(world.storage, root, EVERYTHING)

    with pytest.raises(SessionRequired):
        await verb(world, key)
    assert await live(world, session)


# --- others' ------------------------------------------------------------------------------------

MAY = {
    (caller, target): caller is Role.SUPER_ADMIN
    or (caller is Role.ADMIN and target in {Role.USER, Role.VIEWER})
    for caller in (Role.ADMIN, Role.SUPER_ADMIN)
    for target in Role
}


# AZ-03
@pytest.mark.parametrize(("roles", "may"), MAY.items(), ids=str)
@pytest.mark.parametrize("verb", [read, end])
async def test_one_sees_and_ends_those_of_lower_rank(
    world: World, roles: tuple[Role, Role], may: bool, verb: Verb
) -> None:
    actor = await signed_in(world.storage, await add_user(world.storage, roles[0]))
    target = await add_user(world.storage, roles[1])
    session = await add_session(world.storage, target)
    if may:
        await verb(world, actor, target.id)
    else:
        with pytest.raises(InsufficientRank):
            await verb(world, actor, target.id)

    assert await live(world, session) is not (may and verb is end)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER])
@pytest.mark.parametrize("verb", [read, end])
async def test_others_learn_nothing_of_anybody(
    world: World, user: User, role: Role, verb: Verb
) -> None:
    actor = await signed_in(world.storage, await add_user(world.storage, role))

    for user_id in (user.id, actor.user_id, "nobody"):
        with pytest.raises(InsufficientRole):
            await verb(world, actor, user_id)


@pytest.mark.parametrize("verb", [read, end])
async def test_nobody_there_is_not_found(world: World, verb: Verb) -> None:
    with pytest.raises(NotFound):
        await verb(world, OPERATOR, "nobody")


# AK-04
@pytest.mark.parametrize("verb", [read, end])
async def test_a_key_needs_the_scope_of_credentials(world: World, user: User, verb: Verb) -> None:
    root = await add_user(world.storage, Role.SUPER_ADMIN)
    key = await with_key(world.storage, root, ["users:write", "users:read"])

    with pytest.raises(InsufficientScope):
        await verb(world, key, user.id)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPER_ADMIN])
async def test_an_admin_sees_its_own_here_too_and_ends_them_elsewhere(
    world: World, role: Role
) -> None:
    caller = await signed_in(world.storage, await add_user(world.storage, role))
    found = await world.sessions.list_of(caller, caller.user_id, ALL)

    assert [each.id for each in found.rows] == [caller.session_id]
    with pytest.raises(SelfForbidden):
        await end(world, caller, caller.user_id)


async def test_ending_all_is_audited_with_their_number(world: World, user: User) -> None:
    for _ in range(2):
        await add_session(world.storage, user)
    await add_session(world.storage, user, ended_at=START)

    assert await end(world, OPERATOR, user.id) == 2
    assert [
        (row.event, row.actor, row.target, dict(row.details)) for row in await world.audit()
    ] == [("user.sessions_end", "operator", f"user:{user.id}", {"ended": 2})]
