"""Pages of keys: a cursor leads on through the list it was given out for, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from agentbox.core.paging import Asked
from agentbox.errors import InvalidCursor, ValidationFailed
from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyState
from agentbox.model.principal import Actor
from agentbox.model.users import User, UserFilter
from tests.core.keys.entries import a_key
from tests.core.world import World, add_user, signed_in


async def pages(world: World, caller: Actor, limit: int, **filters: Any) -> list[list[str]]:
    """The ids on every page to the last."""
    found, cursor = [], None
    while True:
        page = await world.api_keys.list(caller, Asked(limit, cursor=cursor), **filters)
        found.append([key.id for key in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize(("limit", "sizes"), [(2, [2, 2, 1]), (5, [5]), (100, [5])])
async def test_cursors_lead_through_the_list_newest_first(
    world: World, user: User, owner: Actor, limit: int, sizes: list[int]
) -> None:
    made = [(await a_key(world, user, created_at=world.clock.now())).id for _ in range(3)]
    world.clock.move(1)
    made += [(await a_key(world, user, created_at=world.clock.now())).id for _ in range(2)]
    found = await pages(world, owner, limit)

    assert [len(page) for page in found] == sizes
    assert [each for page in found for each in page] == sorted(made[3:], reverse=True) + sorted(
        made[:3], reverse=True
    )


async def test_keys_made_meanwhile_shift_nothing(world: World, user: User, owner: Actor) -> None:
    old = [await a_key(world, user) for _ in range(4)]
    first = await world.api_keys.list(owner, Asked(2))
    world.clock.move(1)
    await a_key(world, user, created_at=world.clock.now())
    second = await world.api_keys.list(owner, Asked(2, cursor=first.next_cursor))

    assert {key.id for key in (*first.rows, *second.rows)} == {key.id for key in old}


async def test_a_cursor_is_good_later_on_though_time_goes_by(
    world: World, user: User, owner: Actor
) -> None:
    for _ in range(2):
        await a_key(world, user)
    first = await world.api_keys.list(owner, Asked(1), state=ApiKeyState.ACTIVE)
    world.clock.move(3600)
    again = Asked(1, cursor=first.next_cursor)

    assert len((await world.api_keys.list(owner, again, state=ApiKeyState.ACTIVE)).rows) == 1


async def test_a_cursor_is_good_for_its_own_list_and_filters_alone(world: World) -> None:
    # AZ-08
    admin, user = await add_user(world.storage, Role.ADMIN), await add_user(world.storage)
    for owner in (admin, admin, user, user):
        await a_key(world, owner)
    caller = await signed_in(world.storage, admin)
    questions: list[dict[str, Any]] = [
        {},
        {"everyone": True},
        {"user_id": user.id},
        {"state": ApiKeyState.ACTIVE},
        {"everyone": True, "state": ApiKeyState.ACTIVE},
    ]
    cursors = [
        (await world.api_keys.list(caller, Asked(1), **each)).next_cursor for each in questions
    ]
    good = []
    for at, cursor in enumerate(cursors):
        for other, question in enumerate(questions):
            try:
                await world.api_keys.list(caller, Asked(1, cursor=cursor), **question)
            except InvalidCursor:
                continue
            good.append((at, other))

    assert good == [(at, at) for at in range(len(questions))]


async def test_a_cursor_of_somebody_else_is_none(world: World, user: User, owner: Actor) -> None:
    # AZ-08
    other = await add_user(world.storage)
    for each in (user, user, other, other):
        await a_key(world, each)
    cursor = (await world.api_keys.list(owner, Asked(1))).next_cursor

    with pytest.raises(InvalidCursor):
        await world.api_keys.list(await signed_in(world.storage, other), Asked(1, cursor=cursor))


async def test_a_cursor_of_the_list_of_users_is_none(
    world: World, user: User, owner: Actor
) -> None:
    # AZ-08
    cursor = (await world.users.list(UserFilter(), Asked(1))).next_cursor
    assert cursor is None
    await add_user(world.storage)
    cursor = (await world.users.list(UserFilter(), Asked(1))).next_cursor

    with pytest.raises(InvalidCursor):
        await world.api_keys.list(owner, Asked(1, cursor=cursor))


async def test_a_cursor_goes_without_an_offset(world: World, user: User, owner: Actor) -> None:
    for _ in range(2):
        await a_key(world, user)
    cursor = (await world.api_keys.list(owner, Asked(1))).next_cursor

    with pytest.raises(ValidationFailed):
        await world.api_keys.list(owner, Asked(1, 1, cursor))
