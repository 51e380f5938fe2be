"""Which passwords are one, and which are two."""

from __future__ import annotations

import time
import unicodedata
from typing import Any

import pytest

from agentbox.errors import LoginFailed, WeakPassword
from agentbox.model.secret import Secret
from agentbox.plugin import LoginContext, PasswordLogin
from agentbox_password.authenticator import LocalPasswords
from agentbox_password.text import normalise, to_hash
from tests.plugins.rows import add_user

DIFFERENT = [
    ("a" * 72 + "x", "a" * 72 + "y"),
    ("a" * 1023 + "x", "a" * 1023 + "y"),
    ("correct horse", "correct horse "),
    ("correct horse", " correct horse"),
    ("correct horse", "correct  horse"),
    ("correct horse", "correct horse\n"),
    ("correct horse", "correct horse\t"),
    ("correct horse", "Correct horse"),
    ("straße", "strasse"),
    ("ſecret", "secret"),
    ("correct horse", "correct\u00a0horse"),
    ("correct horse", "correct horse\u200b"),
    ("correct horse", "\ufeffcorrect horse"),
    ("ﬁne", "fine"),
    ("ｐａｓｓ", "pass"),
    ("①②③", "123"),
    ("x²", "x2"),
    ("рassword", "password"),
    ("é" * 512, "é" * 511 + "e"),
]

SAME = [
    ("café", "cafe\u0301"),
    ("Å", "\u212b"),
    ("Å", "A\u030a"),
    ("한글", unicodedata.normalize("NFD", "한글")),
    ("ṩ", "s\u0307\u0323"),
    ("😀 emoji", "😀 emoji"),
    (" leading and trailing ", " leading and trailing "),
]


@pytest.mark.parametrize(("set_to", "given"), DIFFERENT, ids=lambda text: ascii(text)[:30])
async def test_two_passwords(passwords: LocalPasswords, set_to: str, given: str) -> None:  # PW-03
    assert not await passwords.matches(await passwords.hash(Secret(set_to)), Secret(given))


@pytest.mark.parametrize(("set_to", "given"), SAME, ids=lambda text: ascii(text)[:30])
async def test_one_password(passwords: LocalPasswords, set_to: str, given: str) -> None:  # PW-03
    assert await passwords.matches(await passwords.hash(Secret(set_to)), Secret(given))
    assert await passwords.matches(await passwords.hash(Secret(given)), Secret(set_to))


@pytest.mark.parametrize("text", ["x", "x" * 1024, "é" * 512, "😀" * 256, "e\u0301" * 512])
async def test_any_length_to_1024_bytes_is_hashed(
    passwords: LocalPasswords, text: str
) -> None:  # PW-03
    assert await passwords.matches(await passwords.hash(Secret(text)), Secret(text))


NEVER = [
    "",
    "x" * 1025,
    "é" * 513,
    "😀" * 257,
    "e\u0301" * 513,
    "a\x00b",
    "\x00",
    "\ud800",
    "x\udfff",
]


@pytest.mark.parametrize("text", NEVER, ids=lambda text: ascii(text)[:20])
async def test_what_cant_be_a_password_is_not_hashed(
    passwords: LocalPasswords, text: str
) -> None:  # PW-03
    with pytest.raises(WeakPassword):
        await passwords.hash(Secret(text))


@pytest.mark.parametrize("text", NEVER, ids=lambda text: ascii(text)[:20])
async def test_what_cant_be_a_password_signs_nobody_in(
    passwords: LocalPasswords, storage: Any, context: LoginContext, text: str
) -> None:  # PW-03
    await add_user(storage, password_hash=await passwords.hash(Secret("walnut-ember-71")))
    with pytest.raises(LoginFailed, match="password"):
        await passwords.verify(context, PasswordLogin("alice", Secret(text)))


async def test_a_nul_cuts_nothing_off(passwords: LocalPasswords) -> None:  # PW-03
    stored = await passwords.hash(Secret("walnut"))
    assert not await passwords.matches(stored, Secret("walnut\x00anything"))


def test_the_bytes_are_those_of_nfc_in_utf8() -> None:
    assert to_hash(" Cafe\u0301 ") == " Café ".encode()


@pytest.mark.parametrize(
    "text", ["\u0301\u0316" * 15_000, "a" + "\u0316\u0301" * 15_000, "x" * 60_000]
)
def test_hostile_texts_are_normalised_at_once_or_not_at_all(text: str) -> None:
    begin = time.process_time()
    assert normalise(text) is None
    assert time.process_time() - begin < 0.5
