"""Whether the claims of a token whose signature holds make it one of our access tokens, now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from agentbox.errors import InvalidCredential

LEEWAY = timedelta(seconds=30)
"""How far `nbf` and `iat` may lie ahead; `exp` has none, since all clocks are the database's."""

# RFC 9068 section 2.2, and the session that the core looks up on every request.
_TEXTS = ("iss", "sub", "client_id", "jti", "sid")
_LATEST = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp())


class VerifiedClaims(Struct, frozen=True, kw_only=True):
    """Claims that hold, apart from the expiry that `expired` tells."""

    subject: str
    session_id: str
    client_id: str
    audience: tuple[str, ...]
    expires_at: datetime
    expired: bool
    all: Mapping[str, object]


def judge(
    claims: Mapping[str, object], *, issuer: str, audience: str, now: datetime
) -> VerifiedClaims:
    """Check every claim by type and value (RFC 7519 section 4.1, RFC 9068 section 4).

    Raises `InvalidCredential` for all but the expiry.
    """
    texts = {name: _text(claims, name) for name in _TEXTS}
    if texts["iss"] != issuer:
        raise InvalidCredential("issuer")
    audiences = _audiences(claims.get("aud"))
    if audience not in audiences:
        raise InvalidCredential("audience")
    expires_at = _instant(claims, "exp")
    if _instant(claims, "iat") > now + LEEWAY:
        raise InvalidCredential("not_yet_valid")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise InvalidCredential("not_yet_valid")
    return VerifiedClaims(
        subject=texts["sub"],
        session_id=texts["sid"],
        client_id=texts["client_id"],
        audience=audiences,
        expires_at=expires_at,
        expired=now >= expires_at,
        all=claims,
    )


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidCredential("claims")
    return value


def _audiences(value: object) -> tuple[str, ...]:
    """One text or a list of them (RFC 7519 section 4.1.3)."""
    values = value if isinstance(value, list) else [value]
    texts = tuple(text for text in values if isinstance(text, str))
    if len(texts) != len(values):
        raise InvalidCredential("claims")
    return texts


def _instant(claims: Mapping[str, object], name: str) -> datetime:
    value = claims.get(name)
    # bool is an int in Python; a float or a text is not what we ever wrote.
    if type(value) is not int or not 0 <= value <= _LATEST:
        raise InvalidCredential("claims")
    return datetime.fromtimestamp(value, UTC)
