"""The server about itself."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class HealthOut(Struct, frozen=True, kw_only=True):
    """That it works."""

    status: Literal["ok", "ready"]


class JwksOut(Struct, frozen=True, kw_only=True):
    """A JWK set (RFC 7517 section 5)."""

    keys: list[dict[str, str]]
