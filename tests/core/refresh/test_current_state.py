"""Whoever is shut out meanwhile does not go on; what breaks uses no token up."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.errors import AuthenticatorUnavailable
from agentbox.model.users import Status, User
from tests.core.changes.signing_in import Claims, Issuer, Method, login, verified
from tests.core.refresh.going_on import PASSWORD, ended, go_on, refused, session, sign_in
from tests.core.world import HERE, World


# RT-06
@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_one_who_is_not_active_does_not_go_on(
    world: World, user: User, status: Status
) -> None:
    token = (await sign_in(world, user)).refresh_token
    await world.change(user, status=status)

    await refused(world, token)


# RT-06
async def test_one_disabled_while_claims_are_asked_for_does_not_go_on(
    world: World, user: User
) -> None:
    class Disabling(Claims):
        async def claims(self, *_: Any) -> Any:
            await world.change(user, status=Status.INACTIVE)
            return {}

    token = (await sign_in(world, user)).refresh_token

    await refused(world, token, claims=(Disabling({}),))
    assert (await session(world, token)).generation == 1


# RT-06
async def test_a_sign_in_that_is_no_longer_configured_does_not_go_on(
    world: World, user: User
) -> None:
    token = (await sign_in(world, user)).refresh_token

    await refused(world, token, methods=("m1",))
    assert not await ended(world, token)


async def test_the_session_belongs_to_the_method_that_was_asked(world: World, user: User) -> None:
    answer = verified(user)
    other = replace(answer.identity, authenticator_id="somebody else")
    signed = await login(world, Method(replace(answer, identity=other))).with_password(
        "alice", PASSWORD, HERE
    )

    assert (await session(world, signed.refresh_token)).authenticator_id == "m0"


@pytest.mark.parametrize("answer", [ValueError("x"), {"team": 1j}], ids=repr)
async def test_broken_claims_use_no_token_up(world: World, user: User, answer: Any) -> None:
    token = (await sign_in(world, user)).refresh_token

    with pytest.raises(AuthenticatorUnavailable):
        await go_on(world, token, claims=(Claims(answer),))
    assert (await session(world, token)).generation == 1


# RT-04: the token is used up by then, and may be tried again
async def test_a_broken_issuer_leaves_the_parent_its_grace(world: World, user: User) -> None:
    token = (await sign_in(world, user)).refresh_token

    with pytest.raises(AuthenticatorUnavailable):
        await go_on(world, token, issuer=Issuer(ValueError("x")))
    assert (await go_on(world, token)).user.id == user.id
