"""Keys that sign access tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

JWKS_MAX_AGE: Final = timedelta(seconds=60)
"""How long others may keep the published keys."""

ANNOUNCED_FOR: Final = JWKS_MAX_AGE + timedelta(seconds=5)
"""How long a new key is published before it signs: until nobody keeps a set without it, and every
process of ours has noticed."""

LONGEST_TOKEN: Final = timedelta(hours=24)
"""No access token lives longer, so this long after a key's last signature it has nothing left."""

KeyState = Literal["announced", "signing", "verifying", "retired"]
"""Published and not signing yet; the one that signs; one that only verifies; one that does neither
any more, and is deleted a day later."""


class SigningKey(Struct, frozen=True, kw_only=True):
    """A key pair: the public JWK (RFC 7517) in clear, the private key sealed to this row.

    `signs_from` is None for a key that signs as soon as it is there. From `retired_at` on it
    verifies nothing; a key signs no token that would outlive it.
    """

    id: str
    algorithm: str
    public_jwk: Mapping[str, str]
    sealed_private_key: bytes
    created_at: datetime
    signs_from: datetime | None = None
    retired_at: datetime | None = None

    def verifies(self, now: datetime) -> bool:
        """Whether a token that it signed may still hold."""
        return self.retired_at is None or now < self.retired_at

    def may_sign(self, now: datetime, until: datetime) -> bool:
        """Whether it has begun to sign, and verifies as long as a token that ends `until`."""
        begun = self.signs_from is None or self.signs_from <= now
        outlives = self.retired_at is None or until <= self.retired_at
        return begun and outlives and self.verifies(now)


def signer(keys: Sequence[SigningKey], now: datetime, until: datetime) -> SigningKey | None:
    """The one of `keys` that signs a token which ends `until`: the last to have begun."""
    able = [key for key in keys if key.may_sign(now, until)]
    return max(able, key=_begun, default=None)


def has_signed_for(age: timedelta, keys: Sequence[SigningKey], now: datetime) -> bool:
    """Whether the newest key that verifies began to sign so long ago; false while one waits."""
    newest = max((_begun(key)[0] for key in keys if key.verifies(now)), default=None)
    return newest is not None and newest + age <= now


def state_of(key: SigningKey, keys: Sequence[SigningKey], now: datetime) -> KeyState:
    """What `key`, one of `keys`, does now."""
    if not key.verifies(now):
        return "retired"
    if key.signs_from is not None and now < key.signs_from:
        return "announced"
    return "signing" if signer(keys, now, now) == key else "verifying"


def _begun(key: SigningKey) -> tuple[datetime, datetime, str]:
    return key.signs_from or key.created_at, key.created_at, key.id
