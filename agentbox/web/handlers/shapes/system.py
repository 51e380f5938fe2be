"""The server about itself."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from agentbox.model.signing_keys import KeyState
from agentbox.plugin.authenticator import IssuerKey


class HealthOut(Struct, frozen=True, kw_only=True):
    """That it works."""

    status: Literal["ok", "ready"]


class JwksOut(Struct, frozen=True, kw_only=True):
    """A JWK set (RFC 7517 section 5)."""

    keys: list[dict[str, str]]


class RotateKeysBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether somebody else may know the keys: then every token signed with them ends at once."""

    compromised: bool = False


class SigningKeyOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key: what it does now, from when on it signs, and until when it verifies."""

    kid: str
    algorithm: str
    state: KeyState
    created_at: datetime | None = None
    signs_from: datetime | None = None
    retired_at: datetime | None = None


class SigningKeysOut(Struct, frozen=True, kw_only=True):
    """The id of the new key, and all keys, oldest first."""

    kid: str
    keys: list[SigningKeyOut]


def signing_key_out(key: IssuerKey) -> SigningKeyOut:
    """A key as clients see it."""
    return SigningKeyOut(
        kid=key.id,
        algorithm=key.algorithm,
        state=key.state,
        created_at=key.created_at,
        signs_from=key.signs_from,
        retired_at=key.retired_at,
    )
