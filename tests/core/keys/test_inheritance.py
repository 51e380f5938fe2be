"""What a key that makes keys passes on of its environments, addresses and rate."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.core.keys.making import NewApiKey
from agentbox.errors import (
    NotFound,
    PermissionExceedsOwn,
    ValidationFailed,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.api_keys import ApiKey
from agentbox.model.principal import Actor
from agentbox.model.users import User
from tests.core.environments import put_environment, remove_environment
from tests.core.keys.entries import entries, entries_of
from tests.core.world import HERE, START, World, add_user, with_key

VIEWER, EDITOR, OWNER = Permission
WRITER = ["api_keys:write", "self:read"]


async def make(world: World, maker: Actor, **new: Any) -> ApiKey:
    return (await world.api_keys.create(maker, HERE, NewApiKey(**new))).record


# AK-03
async def test_a_keys_key_inherits_entries_addresses_rate_and_all(world: World, user: User) -> None:
    one = await put_environment(world.storage, user.id)
    maker = await with_key(
        world.storage,
        user,
        WRITER,
        permissions=entries({one: EDITOR, "gone": OWNER}),
        allowed_cidrs=("192.0.2.0/24",),
        rate_limit="10/minute",
    )
    made = await make(world, maker)

    assert entries_of(made) == {one: EDITOR, "gone": OWNER}
    assert (made.all_environments, made.allowed_cidrs, made.rate_limit) == (
        VIEWER,
        ("192.0.2.0/24",),
        "10/minute",
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"all_environments": VIEWER}, ({}, VIEWER)),
        ({"permissions": {}}, ({}, None)),
        ({"permissions": {"one": VIEWER}}, ({"one": VIEWER}, None)),
    ],
    ids=str,
)
async def test_who_says_something_of_environments_inherits_nothing_of_them(
    world: World, user: User, given: dict[str, Any], kept: tuple[dict[str, Permission], Any]
) -> None:
    one = await put_environment(world.storage, user.id)
    maker = await with_key(world.storage, user, WRITER, permissions=entries({one: OWNER}))
    if given.get("permissions"):
        given = {"permissions": {one: VIEWER}}
        kept = ({one: VIEWER}, None)
    made = await make(world, maker, **given)

    assert (entries_of(made), made.all_environments) == kept


# AK-03
@pytest.mark.parametrize("own", [*Permission, None])
@pytest.mark.parametrize("asked", Permission)
async def test_an_entry_is_at_most_that_of_the_maker(
    world: World, user: User, own: Permission | None, asked: Permission
) -> None:
    one = await put_environment(world.storage, user.id)
    limit = entries({} if own is None else {one: own})
    maker = await with_key(world.storage, user, WRITER, permissions=limit, all_environments=None)
    if own is not None and asked.rank <= own.rank:
        assert entries_of(await make(world, maker, permissions={one: asked})) == {one: asked}
    else:
        with pytest.raises(NotFound if own is None else PermissionExceedsOwn):
            await make(world, maker, permissions={one: asked})


# AK-03
async def test_an_entry_of_the_maker_is_no_entry_for_all(world: World, user: User) -> None:
    one = await put_environment(world.storage, user.id)
    maker = await with_key(
        world.storage, user, WRITER, permissions=entries({one: OWNER}), all_environments=VIEWER
    )

    with pytest.raises(PermissionExceedsOwn):
        await make(world, maker, all_environments=EDITOR)


async def test_a_demoted_viewers_key_passes_on_entries_for_viewing(world: World) -> None:
    viewer = await add_user(world.storage, Role.VIEWER)
    maker = await with_key(
        world.storage, viewer, WRITER, permissions=entries({"e": OWNER}), all_environments=None
    )
    made = await make(world, maker)

    assert (entries_of(made), made.all_environments) == ({"e": VIEWER}, None)


async def test_an_environment_that_is_gone_can_be_inherited_but_not_asked_for(
    world: World, user: User
) -> None:
    one = await put_environment(world.storage, user.id)
    maker = await with_key(world.storage, user, WRITER, permissions=entries({one: OWNER}))
    await remove_environment(world.storage, one)

    assert entries_of(await make(world, maker)) == {one: OWNER}
    with pytest.raises(NotFound):
        await make(world, maker, permissions={one: VIEWER})


# AK-03: what the key is when it makes one counts, not what it was when the request came
async def test_a_maker_narrowed_meanwhile_passes_on_what_it_has_now(
    world: World, user: User
) -> None:
    maker = await with_key(world.storage, user, WRITER, all_environments=OWNER)
    async with world.storage.transaction() as tx:
        key = await tx.api_keys.get(maker.credential.id)
        assert key is not None
        ends = START.replace(day=24)
        narrow = replace(
            key,
            all_environments=VIEWER,
            expires_at=ends,
            rate_limit="1/hour",
            allowed_cidrs=("::1/128",),
        )
        await tx.api_keys.replace(narrow)
    made = await make(world, maker)

    assert made.all_environments is VIEWER
    assert (made.expires_at, made.rate_limit, made.allowed_cidrs) == (ends, "1/hour", ("::1/128",))
    with pytest.raises(PermissionExceedsOwn):
        await make(world, maker, all_environments=OWNER)
    with pytest.raises(ValidationFailed):
        await make(world, maker, expires_at=ends.replace(day=25))


LIMITED: dict[str, Any] = {
    "allowed_cidrs": ("192.0.2.0/24", "2001:db8::/32"),
    "rate_limit": "10/minute",
}


# AK-03
@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({"allowed_cidrs": ("192.0.2.0/25", "2001:db8::1")}, []),
        ({"allowed_cidrs": ("192.0.2.0/23",)}, ["/allowed_cidrs/0"]),
        (
            {"allowed_cidrs": ("192.0.2.1", "0.0.0.0/0", "::/0")},
            ["/allowed_cidrs/1", "/allowed_cidrs/2"],
        ),
        ({"rate_limit": "10/minute"}, []),
        ({"rate_limit": "9/hour"}, []),
        ({"rate_limit": "11/minute"}, ["/rate_limit"]),
        ({"rate_limit": "1/second"}, ["/rate_limit"]),
        (
            {"rate_limit": "1/second", "allowed_cidrs": ("::/0",)},
            ["/allowed_cidrs/0", "/rate_limit"],
        ),
    ],
    ids=str,
)
async def test_addresses_and_rate_stay_within_those_of_the_maker(
    world: World, user: User, asked: dict[str, Any], pointers: list[str]
) -> None:
    maker = await with_key(world.storage, user, WRITER, **LIMITED)
    if not pointers:
        made = await make(world, maker, **asked)
        assert (made.rate_limit, len(made.allowed_cidrs)) == (
            asked.get("rate_limit", "10/minute"),
            2,
        )
        return
    with pytest.raises(ValidationFailed) as refusal:
        await make(world, maker, **asked)
    assert [fault.pointer for fault in refusal.value.errors] == pointers


async def test_a_maker_without_addresses_and_rate_leaves_both_free(
    world: World, user: User
) -> None:
    maker = await with_key(world.storage, user, WRITER)
    made = await make(world, maker, **LIMITED)

    assert (made.allowed_cidrs, made.rate_limit) == tuple(LIMITED.values())
