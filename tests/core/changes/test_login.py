"""Signing in: who answers, who has the last word, and what is left of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.signing_in import SignedIn
from agentbox.errors import (
    AuthenticatorUnavailable,
    InsufficientRole,
    InvalidCredential,
    InvalidCredentials,
    InvalidToken,
    LoginFailed,
    Overloaded,
    SessionRequired,
    Unavailable,
)
from agentbox.model.evidence import Identity
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord, Status, User
from agentbox.plugin.authenticator import Challenge, NotMine, Verified
from tests.backend import Database
from tests.core.changes.signing_in import Claims, Issuer, Method, Policy, login, verified
from tests.core.world import HERE, START, World, add_user, signed_in, with_key

PASSWORD = Secret("whatever")


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.storage, username="alice")


async def sign_in(world: World, *methods: Method, **parts: Any) -> SignedIn:
    return await login(world, *methods, **parts).with_password("alice", PASSWORD, HERE)


def sessions(database: Database) -> int:
    ((number,),) = database.run("SELECT count(*) FROM sessions")
    return int(number)


async def test_the_first_method_that_knows_it_answers(world: World, user: User) -> None:
    second = Method(verified(user))
    signed = await sign_in(world, Method(NotMine()), second, Method(LoginFailed("never asked")))

    assert (signed.user.id, second.begun) == (user.id, 1)


async def test_a_login_that_nobody_knows_is_wrong(world: World) -> None:
    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(NotMine()), Method(NotMine()))


async def test_a_wrong_login_asks_nobody_else(world: World, user: User) -> None:
    second = Method(verified(user))

    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(LoginFailed("password")), second)
    assert second.begun == 0


def unusual(**fields: Any) -> Identity:
    """Of a local user, but for these fields."""
    values = {"issuer": "local", "subject": "u", "authenticator_id": "m0"}
    return Identity(**(values | fields))


# PL-02, PL-04: a broken method never signs anybody in, and no weaker one is asked
@pytest.mark.parametrize(
    "answer",
    [
        ValueError("x"),
        SystemExit(1),
        asyncio.CancelledError(),
        RecursionError(),
        InvalidCredential("x"),
        True,
        None,
        "alice",
        {"user": "alice"},
        InsufficientRole(),
        Verified(None),  # type: ignore[arg-type]
        Verified("alice"),  # type: ignore[arg-type]
        Verified(unusual(issuer=None)),
        Verified(unusual(), START.timestamp()),  # type: ignore[arg-type]
        Verified(unusual(), START.replace(tzinfo=None)),
        Verified(unusual(subject=7)),
        Verified(unusual(amr=["pwd"])),
        Verified(unusual(auth_time=START.timestamp())),
        Verified(unusual(auth_time=START.replace(tzinfo=None))),
        Challenge(kind="totp", state="text"),  # type: ignore[arg-type]
        Challenge(kind=None, state=b""),  # type: ignore[arg-type]
        Challenge(kind="totp", state=b"", data="x"),  # type: ignore[arg-type]
        Challenge(kind="totp", state=b"", data={"x": 1j}),
    ],
    ids=lambda answer: repr(answer)[:60],
)
async def test_a_broken_method_ends_the_login(
    world: World, user: User, database: Database, answer: Any
) -> None:
    second = Method(verified(user))

    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, Method(answer), second)
    assert (second.begun, sessions(database)) == (0, 0)


async def test_too_many_who_wait_is_told_as_it_is(world: World) -> None:
    with pytest.raises(Overloaded):
        await sign_in(world, Method(Overloaded()))


# PL-04
@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_one_who_is_not_active_does_not_sign_in(
    world: World, user: User, status: Status, database: Database
) -> None:
    await world.change(user, status=status)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(verified(user)))
    assert sessions(database) == 0


# PL-04
async def test_an_identity_that_nobody_is_linked_to_does_not_sign_in(world: World) -> None:
    stranger = Identity(issuer="https://idp.example", subject="alice", authenticator_id="m0")

    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(Verified(stranger)))


# --- races --------------------------------------------------------------------------------------


async def test_one_disabled_while_the_password_is_checked_does_not_sign_in(
    world: World, user: User, database: Database
) -> None:
    class Disabling(Policy):
        async def check_login(self, *_: Any) -> None:
            await world.change(user, status=Status.INACTIVE)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(verified(user)), policies=[Disabling()])
    assert sessions(database) == 0


async def set_password(world: World, user: User) -> None:
    async with world.storage.transaction() as tx:
        await tx.passwords.put(PasswordRecord(user.id, "hash", world.clock.now()))


# PW-10, JWT-11: the old password's login must not outlive the change that ended all sessions
async def test_a_password_changed_while_it_is_checked_does_not_sign_in(
    world: World, user: User, database: Database
) -> None:
    class Changing(Policy):
        async def check_login(self, *_: Any) -> None:
            world.clock.move(0.001)
            await set_password(world, user)

    with pytest.raises(InvalidCredentials):
        await sign_in(world, Method(verified(user, START)), policies=[Changing()])
    assert sessions(database) == 0


async def test_a_password_set_before_the_login_does(world: World, user: User) -> None:
    await set_password(world, user)

    assert (await sign_in(world, Method(verified(user, START)))).user.id == user.id


# --- policies -----------------------------------------------------------------------------------


async def test_every_policy_is_asked(world: World, user: User) -> None:
    policies = [Policy(), Policy()]
    await sign_in(world, Method(verified(user)), policies=policies)

    assert [policy.asked for policy in policies] == [1, 1]


async def test_a_policy_refuses_as_a_wrong_password_does(
    world: World, user: User, database: Database
) -> None:
    with pytest.raises(InvalidCredentials) as refused:
        await sign_in(world, Method(verified(user)), policies=[Policy(LoginFailed("hours"))])
    assert (str(refused.value), sessions(database)) == (str(InvalidCredentials()), 0)


# Policies fail closed.
@pytest.mark.parametrize(
    "answer", [ValueError("x"), SystemExit(1), InsufficientRole(), False, True, "no"], ids=repr
)
async def test_a_broken_policy_signs_nobody_in(
    world: World, user: User, database: Database, answer: Any
) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, Method(verified(user)), policies=[Policy(answer)])
    assert sessions(database) == 0


async def test_a_broken_policy_is_counted_by_its_name(world: World, user: User) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, Method(verified(user)), policies=[Policy(), Policy(ValueError("x"))])
    assert world.counters.value("plugin_failures.p1") == 1


# --- the token ----------------------------------------------------------------------------------


async def test_the_token_says_who_and_which_session(world: World, user: User) -> None:
    issuer = Issuer()
    signed = await sign_in(world, Method(verified(user)), issuer=issuer)
    request = issuer.requests[0]
    session = await world.session(request.session_id)

    assert session is not None
    assert (request.subject, session.user_id, signed.token.reveal()) == (user.id, user.id, "token")


async def test_the_token_never_outlives_its_session(world: World, user: User) -> None:
    age = timedelta(minutes=1)
    signed = await sign_in(world, Method(verified(user)), session_max_age=age)

    assert (signed.expires_at, signed.expires_in) == (START + age, 60)


async def test_claims_of_plugins_reach_the_token(world: World, user: User) -> None:
    issuer = Issuer()
    claims = [Claims({"team": "red"}), Claims({"floor": 3})]
    await sign_in(world, Method(verified(user)), issuer=issuer, claims=claims)

    assert issuer.requests[0].extra_claims == {"team": "red", "floor": 3}


@pytest.mark.parametrize(
    "answer",
    [ValueError("x"), None, ["team"], "team", {"team": 1j}, {"team": None}, {1: "red"}],
    ids=repr,
)
async def test_broken_claims_give_neither_a_token_nor_a_session(
    world: World, user: User, database: Database, answer: Any
) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, Method(verified(user)), claims=[Claims(answer)])
    assert (sessions(database), world.counters.value("plugin_failures.c0")) == (0, 1)


# They are awaited before the transaction, in which nothing is awaited but the transaction.
async def test_a_source_of_claims_may_use_the_storage(world: World, user: User) -> None:
    class Writing(Claims):
        async def claims(self, *_: Any) -> Any:
            async with world.storage.transaction() as tx:
                await tx.markers.claim("asked", "once")
            return {}

    assert (await sign_in(world, Method(verified(user)), claims=[Writing({})])).user.id == user.id


@pytest.mark.parametrize("answer", [ValueError("x"), SystemExit(1), "token", b"t"], ids=repr)
async def test_a_broken_issuer_gives_no_token(world: World, user: User, answer: Any) -> None:
    with pytest.raises(AuthenticatorUnavailable):
        await sign_in(world, Method(verified(user)), issuer=Issuer(answer))
    assert world.counters.value("plugin_failures.i0") == 1


async def test_without_an_issuer_no_session_begins(
    world: World, user: User, database: Database
) -> None:
    with pytest.raises(Unavailable):
        await sign_in(world, Method(verified(user)), issuer=None)
    assert sessions(database) == 0


# --- what is written ----------------------------------------------------------------------------


# OB-04, as far as logins that succeed
async def test_a_login_is_audited_with_its_session(world: World, user: User) -> None:
    issuer = Issuer()
    await sign_in(world, Method(verified(user)), issuer=issuer)

    (row,) = await world.audit()
    assert (row.event, row.actor, row.target, row.address, row.details) == (
        "session.begin",
        f"user:{user.id}",
        f"session:{issuer.requests[0].session_id}",
        HERE.address,
        {"method": "m0"},
    )


async def test_plugins_are_told_of_a_login(world: World, user: User) -> None:
    await sign_in(world, Method(verified(user)))

    assert [event.event for event in world.events] == ["session.begin"]


async def test_the_login_is_noted(world: World, user: User) -> None:
    await sign_in(world, Method(verified(user)))
    noted = await world.user(user.id)

    assert noted is not None
    assert noted.last_login == START


async def test_a_long_user_agent_is_cut(world: World, user: User) -> None:
    from msgspec.structs import replace

    issuer = Issuer()
    origin = replace(HERE, user_agent="x" * 10_000)
    await login(world, Method(verified(user)), issuer=issuer).with_password(
        "alice", PASSWORD, origin
    )
    session = await world.session(issuer.requests[0].session_id)

    assert session is not None
    assert session.user_agent == "x" * 256


async def test_signing_out_ends_the_session_once(world: World, user: User) -> None:
    caller = await signed_in(world.storage, user)
    await login(world).end(caller, HERE)
    with pytest.raises(InvalidToken):
        await login(world).end(caller, HERE)

    assert [(row.event, row.actor) for row in await world.audit()] == [
        ("session.end", f"user:{user.id}")
    ]


async def test_a_key_can_not_sign_out(world: World, user: User) -> None:
    with pytest.raises(SessionRequired):
        await login(world).end(await with_key(world.storage, user, ["self:read"]), HERE)
