"""What a new password has to be (NIST SP 800-63B-4 section 3.1.1.2): long, uncommon, unguessable.

No rules about kinds of characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentbox.model.secret import Secret
from agentbox.plugin import PasswordContext, PasswordPolicy
from agentbox_password.pool import BoundedPool
from agentbox_password.text import LONGEST, normalise

PRODUCT_WORDS = ("agentbox",)

# zxcvbn's time explodes with the length: 72 hostile characters take seconds of pure Python.
_ESTIMATED = 16

COMMON = "This password is too common."
NAMED = "The password must not be made of the username, the e-mail address or the product's name."
GUESSABLE = "This password is too easy to guess. Longer ones and unusual words are harder."


class StrengthPolicy(PasswordPolicy):
    """Length in code points after NFC, a block list of 30 000, names, and an estimate."""

    def __init__(self, minimum_length: int, strength: int, pool: BoundedPool) -> None:
        self._minimum = minimum_length
        self._strength = strength
        self._pool = pool

    async def check_password(self, password: Secret, context: PasswordContext) -> Sequence[str]:
        """Faults as sentences for the user. Raises `Overloaded`."""
        text = normalise(password.reveal())
        if text is None:
            return [f"A password has at most {LONGEST} bytes."]
        if "\x00" in text:
            return ["A password must not contain NUL."]
        if len(text) < self._minimum:
            return [f"A password has at least {self._minimum} characters."]
        names = tuple(_names(context))
        if _folded(text) in {_folded(name) * times for name in names for times in (1, 2, 3)}:
            return [NAMED]
        return await self._pool.submit(_guessable, text, names, self._strength)


def _names(context: PasswordContext) -> Iterator[str]:
    yield from PRODUCT_WORDS
    yield context.username
    if context.email is not None:
        yield context.email
        yield context.email.partition("@")[0]


def _guessable(text: str, names: Sequence[str], strength: int) -> list[str]:
    # Slow to import and big, so it is there from the first password that somebody sets.
    from zxcvbn import zxcvbn
    from zxcvbn.matching import RANKED_DICTIONARIES

    if _folded(text) in RANKED_DICTIONARIES["passwords"]:
        return [COMMON]
    # It fails on digits before a newline, and keeps user_inputs in a global: one thread at a time,
    # which the pool of one sees to.
    beginning = text[:_ESTIMATED].replace("\n", " ")
    score: int = zxcvbn(beginning, user_inputs=list(names))["score"]
    return [GUESSABLE] if score < strength else []


def _folded(text: str) -> str:
    return text.casefold()
