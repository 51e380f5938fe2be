"""Compact JWS (RFC 7515 section 7.1), parsed strictly and judged by nobody yet.

What comes out is well-formed and unverified: the signature, the key and the claims are the
caller's to check. What can't come out: JWE, JSON serialisations, headers with `crit`, `b64` or
`zip`, equal names, encodings that have a second spelling. `jwk`, `jku`, `x5c` and `x5u` may stand
in a header and are never read (RFC 8725 section 3.10).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from msgspec import Struct

from agentbox.model.formats import strict_json

LONGEST = 8192
"""Characters of a header, and of a token unless a caller says otherwise; longer ones are refused
before they are looked at."""

# Each of them would change what is signed or how the payload is read (RFC 7515 section 4.1.11,
# RFC 7797, RFC 7516 section 4.1.3), and none is implemented.
_REFUSED_PARAMETERS = ("crit", "b64", "zip")


class MalformedJws(ValueError):
    """Not a compact JWS as it is read here; the text says why and holds nothing of the input."""


class CompactJws(Struct, frozen=True):
    """A well-formed compact JWS. `signing_input` is what `signature` should sign."""

    algorithm: str
    type: str | None
    key_id: str | None
    header: Mapping[str, object]
    payload: bytes
    signing_input: bytes
    signature: bytes


def looks_like_jws(text: str) -> bool:
    """Three parts of which the first starts as an encoded JSON object does; `parse` says more."""
    return text.startswith("ey") and text.count(".") == 2


def parse(text: str, longest: int = LONGEST) -> CompactJws:
    """The parts of a compact JWS of at most `longest` characters, decoded. Raises `MalformedJws`,
    and nothing else."""
    if len(text) > longest:
        raise MalformedJws(f"The token is longer than {longest} characters.")
    if not text.isascii():
        raise MalformedJws("The token is not ASCII.")
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedJws("The token does not have three parts.")
    if len(parts[0]) > LONGEST:  # headers are kept, and hold no claims
        raise MalformedJws(f"The header is longer than {LONGEST} characters.")
    header = _header(parts[0])
    return CompactJws(
        algorithm=header.algorithm,
        type=header.type,
        key_id=header.key_id,
        header=header.members,
        payload=decode_base64url(parts[1]),
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=decode_base64url(parts[2]),
    )


class _Header(NamedTuple):
    algorithm: str
    type: str | None
    key_id: str | None
    members: Mapping[str, object]


# One key signs the tokens of a day, all with the same header: it is read once.
@lru_cache(maxsize=64)
def _header(part: str) -> _Header:
    members = _object(decode_base64url(part))
    if any(name in members for name in _REFUSED_PARAMETERS):
        raise MalformedJws("The header asks for something that is not implemented.")
    algorithm = _text(members, "alg")
    if algorithm is None:
        raise MalformedJws("The header names no algorithm.")
    key_id, kind = _text(members, "kid"), _text(members, "typ")
    return _Header(algorithm, kind, key_id, MappingProxyType(members))


def parse_claims(payload: bytes) -> dict[str, object]:
    """The claims of a JWT (RFC 7519 section 4), unjudged. Raises `MalformedJws`."""
    return _object(payload)


def decode_base64url(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2), in its one canonical spelling.

    Raises `MalformedJws` for padding, whitespace, other characters, and trailing bits that are
    not zero.
    """
    try:
        raw = text.encode("ascii")
        data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedJws("A part is not base64url.") from None
    # The decoder skips what it does not know and ignores trailing bits; writing it again tells.
    if base64.urlsafe_b64encode(data).rstrip(b"=") != raw:
        raise MalformedJws("A part is not in canonical base64url.")
    return data


def _object(data: bytes) -> dict[str, object]:
    try:
        value = strict_json.loads(data)
    except (strict_json.MalformedJson, strict_json.NulInText):
        raise MalformedJws("A part is not a well-formed JSON text.") from None
    if not isinstance(value, dict):
        raise MalformedJws("A part is not a JSON object.")
    return value


def _text(header: Mapping[str, object], name: str) -> str | None:
    if name not in header:
        return None
    value = header[name]
    if not isinstance(value, str):
        raise MalformedJws(f"The header's {name} is not a text.")
    return value
