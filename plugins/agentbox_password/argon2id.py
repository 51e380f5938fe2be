"""argon2id (RFC 9106), slow on purpose: hashing, and judging that takes as long for anybody."""

from __future__ import annotations

import base64
import os
from typing import NamedTuple

from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

_SALT_LENGTH = 16
_HASH_LENGTH = 32


class Verdict(NamedTuple):
    """What judging a password says; `outdated` and `corrupt` are about the stored hash."""

    matches: bool
    outdated: bool = False
    corrupt: bool = False


class Argon2id:
    """Hashes with the current parameters; verifies with those that a hash states itself."""

    def __init__(self, *, memory_kib: int, iterations: int, parallelism: int) -> None:
        self._hasher = PasswordHasher(
            time_cost=iterations,
            memory_cost=memory_kib,
            parallelism=parallelism,
            hash_len=_HASH_LENGTH,
            salt_len=_SALT_LENGTH,
            type=Type.ID,
        )
        self._memory, self._iterations, self._lanes = memory_kib, iterations, parallelism
        self._dummy = _made_up(memory_kib, iterations, parallelism)

    def hash(self, password: bytes) -> str:
        """A new hash with a salt of its own."""
        return self._hasher.hash(password)

    def judge(self, stored: str | None, password: bytes | None) -> Verdict:
        """Whether `password` has the hash `stored`; without one of them, it takes as long (PW-02).

        Never raises for what is stored or given.
        """
        if stored is None or password is None:
            self._pretend(password)
            return Verdict(matches=False)
        try:
            parameters = extract_parameters(stored)
            matches = self._matches(stored, password)
        except (InvalidHashError, VerificationError, ValueError):
            self._pretend(password)
            return Verdict(matches=False, corrupt=True)
        self._top_up(parameters)
        return Verdict(matches, outdated=self._hasher.check_needs_rehash(stored))

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False

    def _pretend(self, password: bytes | None) -> None:
        """One verification with the current parameters that no password passes."""
        self._matches(self._dummy, password or b"")

    def _top_up(self, stored: Parameters) -> None:
        """Spend what a verification with the current parameters costs more than the stored ones.

        The cost is memory times passes; the passes stay, the memory is what is missing.
        """
        missing = self._memory * self._iterations - stored.memory_cost * stored.time_cost
        memory = missing // self._iterations
        if memory >= 8 * self._lanes:
            hash_secret_raw(
                b"",
                bytes(_SALT_LENGTH),
                time_cost=self._iterations,
                memory_cost=memory,
                parallelism=self._lanes,
                hash_len=_HASH_LENGTH,
                type=Type.ID,
            )


def _made_up(memory_kib: int, iterations: int, parallelism: int) -> str:
    """A well-formed hash of nothing: its digest is random, so making it costs nothing."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).rstrip(b"=").decode("ascii")
        for length in (_SALT_LENGTH, _HASH_LENGTH)
    )
    return f"$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${digest}"
