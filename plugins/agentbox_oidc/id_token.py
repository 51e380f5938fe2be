"""Whether an ID token is one for us, now (OpenID Connect Core 1.0 section 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from agentbox.errors import LoginFailed
from agentbox.model.formats.jose import CompactJws, MalformedJws, parse, parse_claims
from agentbox_oidc.jwks import RemoteKeys

LEEWAY: Final = timedelta(seconds=60)
"""How far the provider's clock may be from ours."""

OLDEST: Final = timedelta(minutes=15)
"""An ID token comes straight from the provider, for a sign-in that took ten minutes at most."""

LONGEST: Final = 64 * 1024
"""Characters of an ID token. It comes in an answer and not in a header, and tells of hundreds of
groups at some providers."""

_LATEST: Final = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp())
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class Expected(Struct, frozen=True, kw_only=True):
    """What this very token has to say."""

    issuer: str
    client_id: str
    algorithm: str
    nonce: str
    now: datetime


async def verified_claims(
    text: str, keys: RemoteKeys, expected: Expected, access_token: str | None
) -> Mapping[str, object]:
    """The claims of an ID token that holds.

    Raises `LoginFailed` with a reason of its own for each check, and `OutboundFailed` where the
    provider's keys can't be had.
    """
    token = _parsed(text)
    # The algorithm is ours to say, not the token's (RFC 8725 section 3.1): neither `none` nor
    # HS256 with our own secret gets any further.
    if token.algorithm.lower() == "none":
        raise LoginFailed("id_token_unsigned")
    if token.algorithm != expected.algorithm:
        raise LoginFailed("id_token_algorithm")
    if token.type is not None and token.type.upper() != "JWT":
        raise LoginFailed("id_token_type")
    verified = await keys.verifies(token)
    if not verified:
        raise LoginFailed("id_token_key" if verified is None else "id_token_signature")
    try:
        claims = parse_claims(token.payload)
    except MalformedJws:
        raise LoginFailed("id_token_malformed") from None
    _judge(claims, expected)
    _judge_access_token(claims, expected.algorithm, access_token)
    return claims


def _parsed(text: str) -> CompactJws:
    try:
        return parse(text, LONGEST)
    except MalformedJws:
        raise LoginFailed("id_token_malformed") from None


def _judge(claims: Mapping[str, object], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise LoginFailed("id_token_issuer")
    _judge_audience(claims, expected.client_id)
    if expected.now - LEEWAY >= _instant(claims, "exp"):
        raise LoginFailed("id_token_expired")
    issued_at = _instant(claims, "iat")
    if not expected.now - OLDEST <= issued_at <= expected.now + LEEWAY:
        raise LoginFailed("id_token_issued_at")
    if "nbf" in claims and _instant(claims, "nbf") > expected.now + LEEWAY:
        raise LoginFailed("id_token_not_yet_valid")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode("utf-8", "surrogatepass"), expected.nonce.encode()
    ):
        raise LoginFailed("id_token_nonce")
    subject = claims.get("sub")
    # At most 255 ASCII characters, and never nothing: two empty ones would be one person.
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isascii():
        raise LoginFailed("id_token_subject")


def _judge_audience(claims: Mapping[str, object], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise LoginFailed("id_token_audience")
    if "azp" in claims and claims["azp"] != client_id:
        raise LoginFailed("id_token_authorized_party")
    if len(audiences) > 1 and claims.get("azp") != client_id:
        # Made for others as well, who could have passed it on to us.
        raise LoginFailed("id_token_authorized_party")


def _judge_access_token(
    claims: Mapping[str, object], algorithm: str, access_token: str | None
) -> None:
    """`at_hash` (section 3.1.3.6), where it is there, says which access token came with it."""
    if "at_hash" not in claims:
        return
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)((access_token or "").encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if access_token is None or claims["at_hash"] != half:
        raise LoginFailed("id_token_access_token")


def _instant(claims: Mapping[str, object], name: str) -> datetime:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LATEST:
        raise LoginFailed(f"id_token_{name}")
    return datetime.fromtimestamp(value, UTC)
