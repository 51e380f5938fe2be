"""A reset secret in the place of the password: what is told apart, and that nothing shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from agentbox.errors import LoginFailed
from agentbox.model.formats.reset_secret import PREFIX, reset_digest
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordReset
from agentbox.plugin import LoginContext, NotMine, PasswordLogin, Verified
from agentbox_password.authenticator import LocalPasswords
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START, StandInServices

PASSWORD = Secret("walnut-ember-71")
SECRET = Secret(PREFIX + "k7Qw2ZtN9bVxR4mLs8Hc3JdY6fGp1TaE")
OTHER = Secret(PREFIX + "M5uXe0WnB8vKj2SrD7gCq4LhZ9yTf3Pa")
HOUR = timedelta(hours=1)
END = START + HOUR

AddReset = Callable[..., Awaitable[None]]


@pytest.fixture
async def alice(passwords: LocalPasswords, storage: Any, services: StandInServices) -> AddReset:
    """Adds Alice, who waits for her reset unless told otherwise."""
    stored = await passwords.hash(PASSWORD)
    services.counted.clear()

    async def add(
        *, waits: bool = True, expires_at: datetime = END, has_password: bool = False, **fields: Any
    ) -> None:
        user = await add_user(storage, password_hash=stored if has_password else None, **fields)
        if waits:
            digest = reset_digest(SECRET)
            async with storage.transaction() as tx:
                await tx.password_resets.put(PasswordReset(user.id, digest, START, expires_at))

    return add


async def test_the_secret_signs_in_and_says_which_one_to_use_up(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset
) -> None:
    await alice()
    answer = await passwords.verify(context, PasswordLogin("alice", SECRET))

    assert isinstance(answer, Verified)
    assert (answer.identity.subject, answer.identity.amr) == ("u1", ("otp",))
    assert answer.identity.auth_time == START
    assert answer.password_reset == reset_digest(SECRET)
    assert answer.password_set_at is None


async def test_an_address_is_a_name_here_too(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset
) -> None:
    await alice(email="alice@example.org", email_verified=True)
    answer = await passwords.verify(context, PasswordLogin("ALICE@example.org", SECRET))

    assert isinstance(answer, Verified)


async def test_it_is_not_used_up_by_being_judged(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset
) -> None:  # the core does that, where the session begins
    await alice()
    login = PasswordLogin("alice", SECRET)
    answers = [await passwords.verify(context, login) for _ in range(2)]

    assert answers[0] == answers[1]


TEXT = SECRET.reveal()
NEARLY = ["", TEXT[:-1], TEXT + "x", TEXT + " ", " " + TEXT, TEXT + "\n", TEXT.upper(),
          TEXT.lower(), TEXT[8:], "abreset_", OTHER.reveal(), TEXT * 2, TEXT + "\x00", "\ud800",
          reset_digest(SECRET).hex(), "x" * 60_000]  # fmt: skip


@pytest.mark.parametrize("text", NEARLY, ids=lambda text: ascii(text)[-30:])
async def test_anything_else_opens_nothing(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset, text: str
) -> None:
    await alice()

    assert await passwords.verify(context, PasswordLogin("alice", Secret(text))) == NotMine()


@pytest.mark.parametrize(("seconds", "good"), [(3599.999999, True), (3600, False), (86400, False)])
async def test_it_ends_with_its_hour(
    passwords: LocalPasswords, alice: AddReset, context: LoginContext, seconds: float, good: bool
) -> None:
    await alice()
    later = msgspec.structs.replace(context, now=START + timedelta(seconds=seconds))
    answer = await passwords.verify(later, PasswordLogin("alice", SECRET))

    assert isinstance(answer, Verified if good else NotMine)


async def test_it_opens_nobody_elses_account(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset, storage: Any
) -> None:
    await alice()
    await add_user(storage, "u2", username="Bob")
    bob = PasswordReset("u2", reset_digest(OTHER), START, END)
    async with storage.transaction() as tx:
        await tx.password_resets.put(bob)

    for name, secret in (("bob", SECRET), ("alice", OTHER)):
        assert await passwords.verify(context, PasswordLogin(name, secret)) == NotMine()


async def test_nobody_has_it_once_it_is_gone(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset
) -> None:
    await alice(waits=False)

    assert await passwords.verify(context, PasswordLogin("alice", SECRET)) == NotMine()


async def test_beside_a_password_both_are_judged(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset
) -> None:  # the core never leaves both; whoever does loses nothing
    await alice(has_password=True)
    by_password = await passwords.verify(context, PasswordLogin("alice", PASSWORD))
    by_secret = await passwords.verify(context, PasswordLogin("alice", SECRET))
    with pytest.raises(LoginFailed):
        await passwords.verify(context, PasswordLogin("alice", OTHER))

    assert isinstance(by_password, Verified)
    assert by_password.password_reset is None
    assert by_password.password_set_at == START
    assert isinstance(by_secret, Verified)
    assert by_secret.password_set_at is None


@pytest.mark.parametrize(
    ("name", "password", "fields"),
    [
        ("alice", SECRET, {}),
        ("alice", OTHER, {}),
        ("alice", PASSWORD, {}),
        ("alice", SECRET, {"expires_at": START}),
        ("alice", SECRET, {"has_password": True}),
        ("alice", SECRET, {"waits": False}),
        ("alice", SECRET, {"waits": False, "has_password": True}),
        ("bob", SECRET, {}),
        ("not a name", SECRET, {}),
        ("nobody@example.org", SECRET, {}),
        ("alice", Secret(""), {}),
        ("alice", Secret("\ud800"), {}),
        ("alice", Secret("x" * 1025), {}),
    ],
    ids=repr,
)
async def test_whoever_asks_pays_one_hash_and_the_same_reads(
    passwords: LocalPasswords,
    context: LoginContext,
    alice: AddReset,
    services: StandInServices,
    name: str,
    password: Secret,
    fields: dict[str, Any],
) -> None:  # PW-02
    await alice(**fields)
    services.storage.asked.clear()
    with contextlib.suppress(LoginFailed):
        await passwords.verify(context, PasswordLogin(name, password))

    assert services.counted == {"hashes": 1}
    assert services.storage.transactions == 1
    assert services.storage.asked == ["users", "passwords", "password_resets"]


async def test_neither_the_log_nor_a_repr_shows_it(
    passwords: LocalPasswords, context: LoginContext, alice: AddReset, services: StandInServices
) -> None:  # OB-01
    await alice(has_password=True)
    answer = await passwords.verify(context, PasswordLogin("alice", SECRET))
    with pytest.raises(LoginFailed) as refused:
        await passwords.verify(context, PasswordLogin("alice", OTHER))

    shown = repr(services.log.lines) + repr(answer) + repr(refused.value)
    for secret in (SECRET, OTHER):
        assert secret.reveal() not in shown
        assert secret.reveal() not in repr(PasswordLogin("alice", secret))
