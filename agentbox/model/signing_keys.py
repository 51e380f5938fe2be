"""Keys that sign access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct


class SigningKey(Struct, frozen=True, kw_only=True):
    """A key pair: the public JWK (RFC 7517) in clear, the private key sealed to this row."""

    id: str
    algorithm: str
    public_jwk: Mapping[str, str]
    sealed_private_key: bytes
    created_at: datetime
    retired_at: datetime | None = None
