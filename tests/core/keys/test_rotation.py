"""A key in the place of another: same rights, same end, a new secret; once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.keys.api_keys import MadeKey
from agentbox.errors import (
    AgentboxError,
    Conflict,
    InsufficientScope,
    NotFound,
    PermissionExceedsOwn,
    ScopeExceedsOwn,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import User
from tests.core.keys.entries import a_key, edit, entries, entries_of, stored
from tests.core.world import HERE, START, World, add_user, signed_in, with_key

VIEWER, EDITOR, OWNER = Permission
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WRITER = ["api_keys:write", "self:read"]


async def rotate(world: World, actor: Actor, key_id: str, *overlap: timedelta) -> MadeKey:
    return await world.api_keys.rotate(actor, HERE, key_id, *overlap)


async def test_the_new_key_is_the_old_one_but_for_its_secret(
    world: World, user: User, owner: Actor
) -> None:
    old = await a_key(
        world,
        user,
        name="robot",
        description="builds",
        all_environments=EDITOR,
        permissions=entries({"a": OWNER, "gone": VIEWER}),
        expires_at=START + 30 * DAY,
        allowed_cidrs=("192.0.2.0/24",),
        rate_limit="5/minute",
        last_used=START - DAY,
    )
    world.clock.move(60)
    made = await rotate(world, owner, old.id)
    new = made.record

    same = ("user_id", "name", "description", "scopes", "all_environments", "expires_at",
            "allowed_cidrs", "rate_limit", "organization_id")  # fmt: skip
    assert {name: getattr(new, name) for name in same} == {
        name: getattr(old, name) for name in same
    }
    assert entries_of(new) == entries_of(old)
    assert {each.id for each in new.permissions} & {each.id for each in old.permissions} == set()
    assert (new.rotated_from, new.last_used, new.created_at) == (old.id, None, world.clock.now())
    assert made.text.reveal().startswith(new.key_prefix)
    assert new.id != old.id
    assert await stored(world, new.id) == new


@pytest.mark.parametrize(
    ("ends", "overlap", "left"),
    [
        (None, HOUR, START + HOUR),
        (START + 30 * DAY, HOUR, START + HOUR),
        (START + HOUR / 2, HOUR, START + HOUR / 2),
        (None, 7 * DAY, START + 7 * DAY),
    ],
)
async def test_the_old_key_ends_with_the_overlap_or_before(
    world: World, user: User, owner: Actor, ends: Any, overlap: timedelta, left: Any
) -> None:
    old = await a_key(world, user, expires_at=ends)
    new = (await rotate(world, owner, old.id, overlap)).record
    kept = await stored(world, old.id)

    assert (kept.expires_at, kept.revoked_at) == (left, None)
    assert new.expires_at == ends


async def test_an_hour_is_the_overlap_if_nothing_is_said(
    world: World, user: User, owner: Actor
) -> None:
    old = await a_key(world, user)
    await rotate(world, owner, old.id)

    assert (await stored(world, old.id)).expires_at == START + HOUR


async def test_no_overlap_revokes_the_old_key_at_once(
    world: World, user: User, owner: Actor
) -> None:
    old = await a_key(world, user)
    new = (await rotate(world, owner, old.id, timedelta(0))).record

    assert (await stored(world, old.id)).revoked_at == START
    assert new.revoked_at is None


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), 7 * DAY + timedelta(seconds=1)])
async def test_an_overlap_is_at_most_a_week(
    world: World, user: User, owner: Actor, overlap: timedelta
) -> None:
    with pytest.raises(ValidationFailed):
        await rotate(world, owner, (await a_key(world, user)).id, overlap)


@pytest.mark.parametrize(
    "fields", [{"revoked_at": START}, {"expires_at": START}, {"expires_at": START - DAY}], ids=str
)
async def test_a_key_that_is_over_is_not_rotated(
    world: World, user: User, owner: Actor, fields: dict[str, Any]
) -> None:
    # AK-05
    old = await a_key(world, user, **fields)

    with pytest.raises(Conflict):
        await rotate(world, owner, old.id)
    assert await world.audit() == []


async def test_a_key_is_rotated_once_and_its_successor_again(
    world: World, user: User, owner: Actor
) -> None:
    first = await a_key(world, user)
    second = (await rotate(world, owner, first.id)).record
    with pytest.raises(Conflict, match="rotated already"):
        await rotate(world, owner, first.id)
    third = (await rotate(world, owner, second.id)).record

    assert (second.rotated_from, third.rotated_from) == (first.id, second.id)


# AK-05
async def test_of_many_rotations_at_once_exactly_one_wins(
    world: World, user: User, owner: Actor
) -> None:
    old = await a_key(world, user)
    answers = await asyncio.gather(
        *(rotate(world, owner, old.id) for _ in range(10)), return_exceptions=True
    )
    made = [answer for answer in answers if isinstance(answer, MadeKey)]
    async with world.storage.transaction(read_only=True) as tx:
        stored_ids = [made[0].record.id, old.id]
        assert [await tx.api_keys.get(each) is not None for each in stored_ids] == [True, True]

    assert len(made) == 1
    assert {type(answer) for answer in answers if not isinstance(answer, MadeKey)} == {Conflict}
    assert [row.event for row in await world.audit()] == ["api_key.create", "api_key.rotate"]


# AK-05
async def test_a_rotation_and_a_revocation_at_once_leave_no_old_key(
    world: World, user: User, owner: Actor
) -> None:
    for turn in range(2):
        old = await a_key(world, user)
        work = [rotate(world, owner, old.id), world.api_keys.revoke(owner, HERE, old.id)]
        await asyncio.gather(*(work if turn else work[::-1]), return_exceptions=True)

        assert (await stored(world, old.id)).revoked_at is not None


async def test_a_key_longer_than_the_longest_lifetime_keeps_its_end(
    world: World, user: User, owner: Actor
) -> None:
    keys = world.keys(max_lifetime=DAY)
    for ends in (None, START + 30 * DAY, START + HOUR):
        old = await a_key(world, user, expires_at=ends)
        assert (await keys.rotate(owner, HERE, old.id)).record.expires_at == ends


# --- whose ---------------------------------------------------------------------------------------


# AK-02
@pytest.mark.parametrize("role", Role)
async def test_nobody_gets_the_secret_of_another(world: World, user: User, role: Role) -> None:
    old = await a_key(world, user)
    caller = await signed_in(world.storage, await add_user(world.storage, role))

    with pytest.raises(NotFound):
        await rotate(world, caller, old.id)
    assert await stored(world, old.id) == old


async def test_the_operator_rotates_any(world: World, user: User) -> None:
    old = await a_key(world, user)
    new = (await rotate(world, Operator(), old.id)).record

    assert (new.user_id, new.rotated_from) == (user.id, old.id)


async def test_a_key_that_is_not_there_is_not_rotated(world: World, owner: Actor) -> None:
    with pytest.raises(NotFound):
        await rotate(world, owner, "nothing")


# --- by a key ------------------------------------------------------------------------------------


# AK-06
async def test_a_key_rotates_nothing_without_the_scope_not_even_itself(
    world: World, user: User
) -> None:
    actor = await with_key(world.storage, user, ["self:read"])

    with pytest.raises(InsufficientScope):
        await rotate(world, actor, actor.credential.id)


async def test_a_key_rotates_itself(world: World, user: User) -> None:
    actor = await with_key(
        world.storage, user, WRITER, rate_limit="5/minute", expires_at=START + DAY
    )
    new = (await rotate(world, actor, actor.credential.id)).record

    assert (new.scopes, new.rate_limit, new.expires_at) == (
        tuple(WRITER),
        "5/minute",
        START + DAY,
    )


ACTOR: dict[str, Any] = {
    "all_environments": VIEWER,
    "permissions": entries({"a": EDITOR}),
    "expires_at": START + DAY,
    "allowed_cidrs": ("192.0.2.0/24",),
    "rate_limit": "5/minute",
}
EQUAL: dict[str, Any] = {"scopes": WRITER, **ACTOR}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, None),
        ({"scopes": ["self:read"]}, None),
        ({"all_environments": None, "permissions": entries({"a": EDITOR, "b": VIEWER})}, None),
        ({"rate_limit": "1/minute", "allowed_cidrs": ("192.0.2.7/32",)}, None),
        ({"expires_at": START + HOUR}, None),
        ({"scopes": [*WRITER, "self:write"]}, ScopeExceedsOwn),
        # beyond the role today, and back with a promotion
        ({"scopes": [*WRITER, "users:read"]}, ScopeExceedsOwn),
        ({"all_environments": EDITOR}, PermissionExceedsOwn),
        ({"permissions": entries({"a": OWNER})}, PermissionExceedsOwn),
        ({"permissions": entries({"b": EDITOR})}, PermissionExceedsOwn),
        ({"expires_at": None}, ValidationFailed),
        ({"expires_at": START + 2 * DAY}, ValidationFailed),
        ({"allowed_cidrs": ()}, ValidationFailed),
        ({"allowed_cidrs": ("192.0.2.7/32", "::/0")}, ValidationFailed),
        ({"rate_limit": None}, ValidationFailed),
        ({"rate_limit": "6/minute"}, ValidationFailed),
    ],
    ids=str,
)
async def test_a_key_rotates_no_wider_key(
    world: World, user: User, change: dict[str, Any], error: type[AgentboxError] | None
) -> None:
    # AK-03: whoever rotates a key holds the new one
    actor = await with_key(world.storage, user, WRITER, **ACTOR)
    old = await a_key(world, user, **(EQUAL | change))
    if error is None:
        assert (await rotate(world, actor, old.id)).record.rotated_from == old.id
        return
    with pytest.raises(error):
        await rotate(world, actor, old.id)
    assert await stored(world, old.id) == old


# AK-03: what the key is when it rotates counts
async def test_a_key_narrowed_meanwhile_rotates_what_it_may_now(
    world: World, user: User, owner: Actor
) -> None:
    actor = await with_key(world.storage, user, [*WRITER, "metrics:read"])
    other = await a_key(world, user)
    await edit(world, owner, await stored(world, actor.credential.id), scopes=WRITER)

    with pytest.raises(ScopeExceedsOwn):
        await rotate(world, actor, other.id)


async def test_both_keys_are_named_in_the_audit_and_no_secret(
    world: World, user: User, owner: Actor
) -> None:
    old = await a_key(world, user)
    made = await rotate(world, owner, old.id, 2 * HOUR)
    rows = await world.audit()

    assert [(row.event, row.target, dict(row.details)) for row in rows] == [
        (
            "api_key.create",
            f"api_key:{made.record.id}",
            {"user_id": user.id, "rotated_from": old.id},
        ),
        (
            "api_key.rotate",
            f"api_key:{old.id}",
            {"into": made.record.id, "overlap_seconds": 7200},
        ),
    ]
    assert made.text.reveal() not in repr(rows)
