"""The form of a refresh token: `abr_` and the base64url of 64 bytes, without padding.

| bytes | hold |
|---|---|
| 4 | which key made it |
| 20 | the session's id, in ASCII |
| 8 | the generation, most significant byte first |
| 32 | HMAC-SHA256 over all before it and the nonce in the session's row |

So the database alone can't make one, and neither can the key. Nothing of a token is stored.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import NamedTuple

from agentbox.model.secret import Secret

PREFIX = "abr_"
_FORM = re.compile(r"abr_[A-Za-z0-9_-]{86}")
_BODY = struct.Struct(">4s20sQ")
_MAX_GENERATION = 2**63 - 1
"""The largest that every database can count to."""


class ParsedRefreshToken(NamedTuple):
    """A well-formed token; whether `mac` is right, only its session can tell."""

    key_id: bytes
    session_id: str
    generation: int
    mac: bytes


def signed_part(key_id: bytes, session_id: str, generation: int) -> bytes:
    """What the MAC is made over, before the nonce. Raises `ValueError` for ids of other forms."""
    name = session_id.encode("ascii")
    if len(name) != 20 or len(key_id) != 4:
        raise ValueError("a refresh token names a session by 20 bytes and a key by 4")
    return _BODY.pack(key_id, name, generation)


def compose_refresh_token(signed: bytes, mac: bytes) -> Secret:
    """The text of a token."""
    return Secret(PREFIX + base64.urlsafe_b64encode(signed + mac).rstrip(b"=").decode("ascii"))


def parse_refresh_token(text: str) -> ParsedRefreshToken | None:
    """The parts of a token, or None where the form is wrong; each token has one text alone."""
    if _FORM.fullmatch(text) is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[len(PREFIX) :] + "==")
        key_id, name, generation = _BODY.unpack_from(raw)
        session_id = name.decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not session_id.isalnum() or generation > _MAX_GENERATION:
        return None
    mac = raw[_BODY.size :]
    if compose_refresh_token(raw[: _BODY.size], mac).reveal() != text:
        return None  # the last character has spare bits
    return ParsedRefreshToken(key_id, session_id, generation, mac)
