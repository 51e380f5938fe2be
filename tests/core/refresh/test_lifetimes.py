"""How long a refresh token waits, and that no use passes the absolute end."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from agentbox.model.users import User
from tests.core.changes.signing_in import refresh_tokens
from tests.core.refresh.going_on import DAY, ended, go_on, refused, session, sign_in
from tests.core.world import START, World, add_session


# RT-01
async def test_a_login_gives_the_first_token_of_the_session(world: World, user: User) -> None:
    signed = await sign_in(world, user)
    row = await session(world, signed.refresh_token)

    assert (row.generation, row.user_id, row.rotated_at) == (1, user.id, None)
    assert signed.refresh_expires_at == row.idle_until == START + timedelta(days=7)


# RT-01
async def test_each_use_gives_the_next_token_and_more_time(world: World, user: User) -> None:
    first = await sign_in(world, user)
    world.clock.move(6 * DAY)
    second = await go_on(world, first.refresh_token)
    row = await session(world, first.refresh_token)

    assert second.refresh_token.reveal() != first.refresh_token.reveal()
    assert second.refresh_expires_at == START + timedelta(days=13)
    assert (row.generation, row.rotated_at, row.last_used) == (2, world.clock.now(), row.rotated_at)


# RT-01
async def test_one_that_waits_too_long_is_worth_nothing(world: World, user: User) -> None:
    signed = await sign_in(world, user)
    world.clock.move(7 * DAY)

    await refused(world, signed.refresh_token)


# RT-01
async def test_no_use_passes_the_absolute_end(world: World, user: User) -> None:
    signed = await sign_in(world, user, session_max_age=timedelta(days=10))
    end = START + timedelta(days=10)
    world.clock.move(5 * DAY)
    signed = await go_on(world, signed.refresh_token)
    assert signed.refresh_expires_at == end
    world.clock.move(5 * DAY - 60)
    signed = await go_on(world, signed.refresh_token)
    assert (signed.expires_at, signed.refresh_expires_at) == (end, end)
    world.clock.move(60)

    await refused(world, signed.refresh_token)


async def test_a_session_of_an_earlier_version_has_no_token(world: World, user: User) -> None:
    row = await add_session(world.storage, user, authenticator_id="m0")
    token = refresh_tokens().current(replace(row, nonce=b""))

    await refused(world, token)
    assert not await ended(world, token)
