"""Whether a secret that someone chose is one that an attacker would try first.

Nothing here judges passwords of people (that is the password policy's work); these are keys that
machines hold, so they should come from `agentbox secret new` and look like it.
"""

from __future__ import annotations

import base64
import binascii
import re
from itertools import pairwise

SHORTEST = 32
"""Bytes: what RFC 7518 section 3.2 asks of an HS256 key."""

_FEWEST_LEFT = 16
_FEWEST_DIFFERENT = 8

# Keys printed in standards and tutorials, in lower case and without punctuation.
_PUBLISHED = frozenset(
    {
        # RFC 7515 appendix A.1, RFC 7520 section 3.5
        "aym1sysppbydfgzld3umj1qzkobwvmkoqqestjqlrt1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
        "hjtxiz2usn5kbqfbttnwbpdmhkv8fjgonbc6mxccyg",
        # the OAuth2 tutorial of FastAPI
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    }
)

# What placeholders and the defaults of tutorials are made of; the longest are taken away first.
_WORDS = """
0123456789abcdef 1234567890 0987654321 123456789 12345678 123456 abc123 qwertyuiop asdfghjkl
zxcvbnm qwerty abcdefghijklmnopqrstuvwxyz deadbeef cafebabe agentbox at least minimum
characters character chars char bytes byte bits bit 128 256 384 512 32 64 change changeme
changeit changethis replace replaceme this that before after deploy deployment please must
your you my the an in for of to use used using only with and not do dont never is be
random long very strong super top secure insecure unsafe secret secrets secretkey key keys
private shared signing signature sign token tokens jwt jws jose hmac hs256 sha256 sha auth
authentication password passwd pass phrase passphrase admin root user test testing tests dev
development local localhost staging prod production default example sample demo dummy fake
placeholder todo fixme foo bar baz here value string some any something default none null
undefined generate generated openssl rand base64 hex server api app application service
letmein iloveyou monkey dragon welcome hello world lorem ipsum
"""
_WORD = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)))


def weakness(secret: str) -> str | None:
    """What is wrong with an HMAC secret, as a phrase that follows its name; None if nothing is.

    The phrase says nothing of the secret's text: "is empty", "is a placeholder …".
    """
    if not secret.strip():
        return "is empty"
    if _is_placeholder(secret) or _encodes_placeholder(secret):
        return "is a placeholder or a published example that anyone can look up"
    data = secret.encode("utf-8", "surrogatepass")
    if len(data) < SHORTEST:
        return f"is shorter than {SHORTEST} bytes"
    return _pattern(data, secret)


def weakness_of_key(key: bytes) -> str | None:
    """As `weakness`, for a key of random bytes: one made from a text or a pattern is refused."""
    if not key.strip(b"\0"):
        return "is empty" if not key else "is one byte over and over"
    if key.isascii() and _is_placeholder(key.decode("ascii")):
        return "is a placeholder or a published example that anyone can look up"
    return _pattern(key, None)


def _pattern(data: bytes, text: str | None) -> str | None:
    if _period(data):
        return "repeats one pattern over and over"
    if len(set(data)) < _FEWEST_DIFFERENT:
        return "is made of very few different characters"
    if _without_runs(text or data.decode("latin-1")) < _FEWEST_LEFT:
        return "follows the order of the alphabet or of numbers"
    return None


def _is_placeholder(text: str) -> bool:
    letters = re.sub(r"[^a-z0-9]", "", text.lower())
    if letters in _PUBLISHED:
        return True
    # Spaces would keep what remains of two words from making a third one.
    left = _WORD.sub(" ", letters).replace(" ", "")
    return len(left) < min(_FEWEST_LEFT, len(letters))


def _encodes_placeholder(text: str) -> bool:
    """True for base64 of a placeholder, which looks better than it is."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    if not decoded.isascii() or not decoded.decode("ascii").isprintable():
        return False
    return _is_placeholder(decoded.decode("ascii"))


def _period(data: bytes) -> int:
    """The length of the pattern that `data` repeats at least twice; 0 if it does not."""
    for length in range(1, len(data) // 2 + 1):
        if data[length:] == data[:-length]:
            return length
    return 0


def _without_runs(text: str) -> int:
    """How many characters are left without runs such as `abcd` or `9876`."""
    left, run, step = 0, 1, 0
    for before, now in pairwise(text):
        difference = ord(now) - ord(before)
        if difference == step and abs(difference) == 1:
            run += 1
            continue
        left += run if run < 4 else 0
        run, step = 1, difference
    return left + (run if run < 4 else 0)
