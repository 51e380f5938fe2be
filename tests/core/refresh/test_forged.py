"""What we did not make is refused, and ends nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from tests.core.changes.signing_in import refresh_tokens
from tests.core.refresh.going_on import ended, go_on, refused, session, session_of, sign_in
from tests.core.world import World


def flipped(token: Secret, at: int) -> Secret:
    text = token.reveal()
    return Secret(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


# RT-01, RT-02: nobody ends a session with what we did not make
@pytest.mark.parametrize("at", [0, 4, 12, 40, 46, 50, 70, 89])
async def test_a_changed_token_is_refused_and_ends_nothing(
    world: World, user: User, at: int
) -> None:
    token = (await sign_in(world, user)).refresh_token

    await refused(world, flipped(token, at))

    assert not await ended(world, token)
    assert (await go_on(world, token)).user.id == user.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abr_",
        "abr_" + "A" * 86,
        "abr_" + "A" * 85,
        "abr_" + "A" * 87,
        "abr_" + "é" * 86,
        "a.b.c",
    ],
)
async def test_what_is_no_token_is_refused(world: World, text: str) -> None:
    await refused(world, Secret(text))


async def test_a_token_has_one_spelling(world: World, user: User) -> None:
    text = (await sign_in(world, user)).refresh_token.reveal()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(text[-1]) ^ 1]

    for other in (text[:-1] + spare, text + "==", text + " ", " " + text, text.upper()):
        await refused(world, Secret(other))


# RT-01
async def test_a_token_is_bound_to_its_session(world: World, user: User) -> None:
    mine, other = await sign_in(world, user), await sign_in(world, user)
    row = await session(world, other.refresh_token)
    stolen = await session(world, mine.refresh_token)
    forged = refresh_tokens().current(replace(row, nonce=stolen.nonce))

    await refused(world, forged)


# RT-05
async def test_both_of_two_root_secrets_verify_and_the_first_makes(
    world: World, user: User
) -> None:
    old = (await sign_in(world, user)).refresh_token
    both = refresh_tokens(b"2" * 32, b"1" * 32)
    new = (await go_on(world, old, both)).refresh_token

    await refused(world, new, refresh_tokens(b"1" * 32))
    assert (await go_on(world, new, refresh_tokens(b"2" * 32))).user.id == user.id


# RT-05: the key that made it is part of what the spent token is known by
async def test_a_spent_token_of_the_older_secret_is_reuse(world: World, user: User) -> None:
    old = (await sign_in(world, user)).refresh_token
    both = refresh_tokens(b"2" * 32, b"1" * 32)
    await go_on(world, old, both)
    world.clock.move(60)

    await refused(world, old, both)
    assert await ended(world, old)


# OB-04: what is refused is told with whose session it was, and never with the token
async def test_refused_tokens_are_audited(world: World, user: User) -> None:
    token = (await sign_in(world, user)).refresh_token
    await refused(world, Secret("nothing"))
    await refused(world, flipped(token, 70))
    await world.change(user, status=Status.INACTIVE)
    await refused(world, token)
    await world.refusals.flush(all_of_it=True)
    rows = [row for row in await world.audit() if row.event == "session.refuse"]

    assert [(row.actor, row.target, row.details["reason"], row.result) for row in rows] == [
        ("anonymous", None, "form", "denied"),
        ("anonymous", None, "mac", "denied"),
        (f"user:{user.id}", f"session:{session_of(token)}", "user", "denied"),
    ]
