"""Random identifiers and the base62 alphabet that they are written in."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def random_base62(length: int) -> str:
    """`length` base62 characters from the system's random source, 5.95 bits each."""
    return encode_base62(secrets.randbelow(62**length), length)


def new_id() -> str:
    """A new opaque, URL-safe id: 20 base62 characters, 119 random bits, never used again."""
    return random_base62(20)


def encode_base62(number: int, length: int) -> str:
    """`number` (0 or more) in base62, padded on the left to `length` characters."""
    digits: list[str] = []
    for _ in range(length):
        number, value = divmod(number, 62)
        digits.append(ALPHABET[value])
    if number:
        raise ValueError("the number needs more characters")
    return "".join(reversed(digits))


def is_base62(text: str) -> bool:
    """True if `text` is made of the 62 ASCII letters and digits alone."""
    return text.isascii() and text.isalnum()


def is_id(text: str) -> bool:
    """True for what has the shape of an id of ours: `new_id`, or that of an API key."""
    return len(text) in {12, 20} and is_base62(text)
