"""Who signs in with a name and a password, and what is told apart."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentbox.errors import LoginFailed
from agentbox.model.evidence import LOCAL_ISSUER
from agentbox.model.secret import Secret
from agentbox.model.users import Status
from agentbox.plugin import LoginContext, NotMine, PasswordLogin, Verified
from agentbox.plugin.authenticator import RedirectLogin
from agentbox_password.authenticator import LocalPasswords
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START, StandInServices

RIGHT = Secret("walnut-ember-71")
WRONG = Secret("walnut-ember-72")

AddUser = Callable[..., Awaitable[None]]


@pytest.fixture
async def alice(passwords: LocalPasswords, storage: Any, services: StandInServices) -> AddUser:
    password_hash = await passwords.hash(RIGHT)
    services.counted.clear()

    async def add(**fields: Any) -> None:
        await add_user(storage, **({"password_hash": password_hash} | fields))

    return add


async def test_the_right_password_signs_in(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser
) -> None:
    await alice()
    answer = await passwords.begin(context, PasswordLogin("Alice", RIGHT))
    assert isinstance(answer, Verified)
    identity = answer.identity
    assert (identity.issuer, identity.subject) == (LOCAL_ISSUER, "u1")
    assert (identity.authenticator_id, identity.amr) == ("the-instance", ("pwd",))
    assert identity.auth_time == START


async def test_a_wrong_password_fails(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser
) -> None:
    await alice()
    with pytest.raises(LoginFailed, match="password"):
        await passwords.verify(context, PasswordLogin("Alice", WRONG))


@pytest.mark.parametrize("name", ["Alice", "alice", "ALICE", "aLiCe"])
async def test_the_case_of_a_username_does_not_matter(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser, name: str
) -> None:
    await alice()
    assert isinstance(await passwords.verify(context, PasswordLogin(name, RIGHT)), Verified)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "bob",
            "",
            " ",
            "alice ",
            " alice",
            "alice\n",
            "alice\x00",
            "ali\u200bce",
            "Αlice",
            "ａlice",
        ),
        *(
            "u1",
            "*",
            "%",
            "alice' OR '1'='1",
            "a" * 65,
            "a" * 60_000,
            "\ud800",
            "alice@",
            "@",
            "@x",
        ),
        *("alice@nowhere.example", "a@" + "b" * 60_000, "alice@\x00", "alice@ex ample.org"),
    ],
    ids=lambda name: ascii(name)[:30],
)
async def test_a_name_that_nobody_has_is_not_ours(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser, name: str
) -> None:
    await alice()
    assert await passwords.verify(context, PasswordLogin(name, RIGHT)) == NotMine()


@pytest.mark.parametrize("name", ["alice@example.org", "Alice@Example.ORG"])
async def test_a_verified_address_is_a_name_too(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser, name: str
) -> None:
    await alice(email="alice@example.org", email_verified=True)
    assert isinstance(await passwords.verify(context, PasswordLogin(name, RIGHT)), Verified)


async def test_an_address_that_nobody_vouched_for_is_none(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser
) -> None:
    await alice(email="alice@example.org", email_verified=False)
    assert await passwords.verify(context, PasswordLogin("alice@example.org", RIGHT)) == NotMine()


async def test_a_user_without_a_password_is_not_ours(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser
) -> None:
    await alice(password_hash=None)
    assert await passwords.verify(context, PasswordLogin("alice", RIGHT)) == NotMine()


@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
async def test_a_user_who_is_not_active_is_judged_like_any_other(
    passwords: LocalPasswords, context: LoginContext, alice: AddUser, status: Status
) -> None:  # the core refuses them; here nothing may take less time
    await alice(status=status)
    assert isinstance(await passwords.verify(context, PasswordLogin("alice", RIGHT)), Verified)
    with pytest.raises(LoginFailed):
        await passwords.verify(context, PasswordLogin("alice", WRONG))


async def test_other_kinds_of_logins_are_not_ours(
    passwords: LocalPasswords, context: LoginContext
) -> None:
    assert await passwords.begin(context, RedirectLogin("example")) == NotMine()
    assert await passwords.advance(context, b"", {}) == NotMine()


CORRUPT = [
    *("", "x", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=1,t=1,p=1$YQ$YQ"),
    *("$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde", "plain text", "$", "é"),
    *("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$!!!!", "$argon2id$v=19$m=x,t=2,p=1$c2FsdA$YQ"),
]


@pytest.mark.parametrize("stored", CORRUPT)
async def test_a_hash_that_cant_be_read_fails_and_is_logged_without_it(
    passwords: LocalPasswords,
    context: LoginContext,
    alice: AddUser,
    services: StandInServices,
    stored: str,
) -> None:
    await alice(password_hash=stored)
    with pytest.raises(LoginFailed, match="hash"):
        await passwords.verify(context, PasswordLogin("alice", RIGHT))
    assert services.log.lines == [("error", "password_hash_corrupt", {"user_id": "u1"})]


@pytest.mark.parametrize(
    ("name", "password", "fields"),
    [
        ("alice", RIGHT, {}),
        ("alice", WRONG, {}),
        ("bob", RIGHT, {}),
        ("not a name", RIGHT, {}),
        ("alice@example.org", RIGHT, {"email": "alice@example.org"}),
        ("nobody@example.org", RIGHT, {}),
        ("alice", RIGHT, {"password_hash": None}),
        ("alice", RIGHT, {"password_hash": "x"}),
        ("alice", RIGHT, {"status": Status.SUSPENDED}),
        ("alice", Secret("x" * 1025), {}),
        ("alice", Secret(""), {}),
        ("alice", Secret("a\x00b"), {}),
        ("alice", Secret("\ud800"), {}),
        ("bob", Secret("x" * 60_000), {}),
    ],
    ids=repr,
)
async def test_whoever_asks_pays_one_hash_and_one_read(
    passwords: LocalPasswords,
    context: LoginContext,
    alice: AddUser,
    services: StandInServices,
    name: str,
    password: Secret,
    fields: dict[str, Any],
) -> None:  # PW-02
    await alice(**fields)
    with contextlib.suppress(LoginFailed):
        await passwords.verify(context, PasswordLogin(name, password))
    assert services.counted == {"hashes": 1}
    assert services.storage.transactions == 1
