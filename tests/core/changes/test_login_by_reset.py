"""A reset secret signs in where the session begins, or not at all; and once."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.core.people.users import UserEdit
from agentbox.errors import AuthenticatorUnavailable, InvalidCredentials, RateLimited
from agentbox.model.evidence import LOCAL_ISSUER, Identity
from agentbox.model.formats.reset_secret import reset_digest
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User
from agentbox.plugin.authenticator import Verified
from tests.core.changes.signing_in import Issuer, Method, login
from tests.core.world import HERE, World, add_user
from tests.scale import scaled

OPERATOR = Operator()
PASSWORD = Secret("whatever the method took it for")


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, username="alice", password="the-old-password")


def by_reset(user: User, digest: bytes) -> Verified:
    identity = Identity(issuer=LOCAL_ISSUER, subject=user.id, authenticator_id="m0", amr=("otp",))
    return Verified(identity, password_reset=digest)


async def a_reset(world: World, user: User) -> Verified:
    issued = await world.recovery.reset(OPERATOR, HERE, user.id)
    return by_reset(user, reset_digest(issued.secret))


async def sign_in(world: World, answer: Verified) -> None:
    await login(world, Method(answer)).with_password("alice", PASSWORD, HERE)


async def sessions(world: World, user: User) -> int:
    async with world.storage.transaction(read_only=True) as tx:
        return await tx.sessions.count(user.id, world.clock.now())


# PW-10
async def test_it_begins_a_session_and_is_used_up(world: World, user: User) -> None:
    answer = await a_reset(world, user)
    issuer = Issuer()
    signed = await login(world, Method(answer), issuer=issuer).with_password(
        "alice", PASSWORD, HERE
    )
    session = await world.session(issuer.requests[0].session_id)

    assert signed.user.password_change_required
    assert session is not None
    assert session.amr == ("otp",)
    assert await world.waiting_reset(user.id) is None


# PW-10
async def test_it_never_works_twice(world: World, user: User) -> None:
    answer = await a_reset(world, user)
    await sign_in(world, answer)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, answer)
    assert await sessions(world, user) == 1


# PW-10
async def test_of_many_at_once_one_signs_in(world: World, user: User) -> None:
    for _ in range(scaled(3)):
        world.clock.move(900)  # those who lose have failed, and are throttled for a while
        answer = await a_reset(world, user)
        outcomes = await asyncio.gather(
            *(sign_in(world, answer) for _ in range(20)), return_exceptions=True
        )

        assert outcomes.count(None) == 1
        refusals = [each for each in outcomes if isinstance(each, InvalidCredentials | RateLimited)]
        assert len(refusals) == 19
        assert await sessions(world, user) == 1


async def test_it_is_over_after_an_hour(world: World, user: User) -> None:
    answer = await a_reset(world, user)
    world.clock.move(3599.9)
    assert await world.waiting_reset(user.id) is not None

    world.clock.move(0.1)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, answer)
    assert await sessions(world, user) == 0


async def test_one_that_was_replaced_meanwhile_does_not(world: World, user: User) -> None:
    old = await a_reset(world, user)
    new = await a_reset(world, user)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, old)
    await sign_in(world, new)


async def test_one_of_another_user_does_not(world: World, user: User) -> None:
    other = await a_reset(world, await add_user(world.storage))
    assert other.password_reset is not None

    with pytest.raises(InvalidCredentials):
        await sign_in(world, by_reset(user, other.password_reset))


async def test_one_that_a_password_made_void_meanwhile_does_not(world: World, user: User) -> None:
    answer = await a_reset(world, user)
    edit = UserEdit(password=Secret("a-password-set-meanwhile"))
    await world.users.edit(OPERATOR, HERE, user.id, edit)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, answer)
    assert await sessions(world, user) == 0


async def test_a_refused_login_does_not_use_it_up(world: World, user: User) -> None:
    answer = await a_reset(world, user)
    await world.users.switch(OPERATOR, HERE, user.id, Status.INACTIVE)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, answer)
    await world.users.switch(OPERATOR, HERE, user.id, Status.ACTIVE)
    await sign_in(world, answer)


# PW-10: the old password was judged before the reset and would begin its session after it
async def test_the_old_password_does_not_outlive_the_reset(world: World, user: User) -> None:
    record = await world.password(user.id)
    assert record is not None
    identity = Identity(issuer=LOCAL_ISSUER, subject=user.id, authenticator_id="m0")
    judged = Verified(identity, password_set_at=record.updated_at)
    await world.recovery.reset(OPERATOR, HERE, user.id)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, judged)
    assert await world.waiting_reset(user.id) is not None


# PL-04
@pytest.mark.parametrize("digest", ["text", 7, True, bytearray(32)], ids=repr)
async def test_what_is_no_digest_signs_nobody_in(world: World, user: User, digest: object) -> None:
    await a_reset(world, user)

    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, by_reset(user, digest))  # type: ignore[arg-type]


@pytest.mark.parametrize("digest", [b"", b"x", bytes(32)], ids=repr)
async def test_another_digest_signs_nobody_in(world: World, user: User, digest: bytes) -> None:
    await a_reset(world, user)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, by_reset(user, digest))
