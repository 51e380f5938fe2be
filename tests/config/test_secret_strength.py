"""Secrets that an attacker would try first are told from random ones."""

from __future__ import annotations

import base64
import secrets

import pytest

from agentbox.model.formats.secret_strength import weakness, weakness_of_key

PLACEHOLDER = "is a placeholder or a published example that anyone can look up"

# JWT-06
WEAK = {
    "": "is empty",
    "   ": "is empty",
    "x": "is shorter than 32 bytes",
    "8fJ2-kQw9!zVbn4": "is shorter than 32 bytes",
    "changeme": PLACEHOLDER,
    "secret": PLACEHOLDER,
    "your-secret-key": PLACEHOLDER,
    "your-256-bit-secret": PLACEHOLDER,
    "a-string-secret-at-least-256-bits-long": PLACEHOLDER,
    "super-secret-jwt-token-with-at-least-32-characters-long": PLACEHOLDER,
    "please-change-this-secret-key-before-production": PLACEHOLDER,
    "REPLACE_ME_WITH_A_RANDOM_SECRET_STRING": PLACEHOLDER,
    "qwertyuiopasdfghjklzxcvbnm123456": PLACEHOLDER,
    "12345678901234567890123456789012": PLACEHOLDER,
    "changemechangemechangemechangeme": PLACEHOLDER,
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7": PLACEHOLDER,
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow": (
        PLACEHOLDER
    ),
    base64.b64encode(b"your-secret-key-at-least-32-bytes!").decode(): PLACEHOLDER,
    "a" * 40: "repeats one pattern over and over",
    "abcd!234" * 5: "repeats one pattern over and over",
    "ababbabaabbabaababbabaabbaababba": "is made of very few different characters",
    "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ": (
        "follows the order of the alphabet or of numbers"
    ),
}


@pytest.mark.parametrize("secret", WEAK)
def test_a_weak_secret_is_named_as_what_it_is(secret: str) -> None:
    assert weakness(secret) == WEAK[secret]


@pytest.mark.parametrize("make", [lambda: secrets.token_hex(16), lambda: secrets.token_urlsafe(32)])
def test_random_secrets_pass(make) -> None:
    assert [weakness(make()) for _ in range(200)] == [None] * 200


def test_a_long_sentence_of_ones_own_passes() -> None:
    assert weakness("correct horse battery staple unicorn") is None


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (bytes(32), "is one byte over and over"),
        (b"a" * 32, "repeats one pattern over and over"),
        (bytes(range(32)), "follows the order of the alphabet or of numbers"),
        (b"changeme-changeme-changeme-12345", PLACEHOLDER),
        (b"", "is empty"),
    ],
)
def test_a_weak_key_is_named_as_what_it_is(key: bytes, fault: str) -> None:
    assert weakness_of_key(key) == fault


def test_random_keys_pass() -> None:
    assert [weakness_of_key(secrets.token_bytes(32)) for _ in range(200)] == [None] * 200
