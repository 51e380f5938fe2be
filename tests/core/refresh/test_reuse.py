"""A token that was spent ends its family, but for its parent within the grace."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentbox.model.users import User
from tests.core.changes.signing_in import refresh_tokens
from tests.core.refresh.going_on import chain, ended, go_on, refused, session, session_of, sign_in
from tests.core.world import World


# RT-02
@pytest.mark.parametrize("spent", range(4))
async def test_a_spent_token_ends_its_family(world: World, user: User, spent: int) -> None:
    tokens = await chain(world, user, 5)

    await refused(world, tokens[spent])

    assert await ended(world, tokens[0])
    await refused(world, tokens[-1])


# RT-02
async def test_reuse_is_audited_once_with_both_generations(world: World, user: User) -> None:
    tokens = await chain(world, user, 5)
    await refused(world, tokens[1])
    await refused(world, tokens[1])
    row = (await world.audit())[-1]

    assert [r.event for r in await world.audit()] == ["session.begin", "session.reuse"]
    assert (row.actor, row.target) == (f"user:{user.id}", f"session:{session_of(tokens[0])}")
    assert dict(row.details) == {"generation": 2, "current": 5}
    assert world.counters.value("refresh_reuse") == 1


# RT-05: what a restored database has not yet given out was given out before it was restored
async def test_a_token_from_the_future_ends_its_family(world: World, user: User) -> None:
    tokens = await chain(world, user, 1)
    row = await session(world, tokens[0])
    newer = refresh_tokens().current(replace(row, generation=7))

    await refused(world, newer)

    assert await ended(world, tokens[0])


# RT-02
async def test_other_sessions_of_the_user_go_on(world: World, user: User) -> None:
    other = await sign_in(world, user)
    tokens = await chain(world, user, 3)
    await refused(world, tokens[0])

    assert (await go_on(world, other.refresh_token)).user.id == user.id


# RT-04
async def test_the_parent_gets_the_same_successor_within_the_grace(
    world: World, user: User
) -> None:
    first = (await sign_in(world, user)).refresh_token
    world.clock.move(60)
    second = await go_on(world, first)
    before = await session(world, first)
    world.clock.move(9)
    again = await go_on(world, first)

    assert again.refresh_token.reveal() == second.refresh_token.reveal()
    assert again.refresh_expires_at == second.refresh_expires_at
    assert await session(world, first) == before


# RT-04
async def test_the_parent_ends_the_family_after_the_grace(world: World, user: User) -> None:
    first = (await sign_in(world, user)).refresh_token
    await go_on(world, first)
    world.clock.move(10)

    await refused(world, first)
    assert await ended(world, first)


# RT-04
async def test_the_grandparent_ends_the_family_at_any_time(world: World, user: User) -> None:
    first = (await sign_in(world, user)).refresh_token
    second = (await go_on(world, first)).refresh_token
    await go_on(world, second)

    await refused(world, first)
    assert await ended(world, first)


# RT-04
async def test_without_a_grace_each_token_works_once(world: World, user: User) -> None:
    strict = refresh_tokens(grace=0)
    first = (await sign_in(world, user)).refresh_token
    await go_on(world, first, strict)

    await refused(world, first, strict)
    assert await ended(world, first)
