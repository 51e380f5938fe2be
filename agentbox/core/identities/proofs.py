"""What is compared in a sign-in by way of the browser: who begins, who comes back, who is meant."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from agentbox.model.evidence import LOCAL_ISSUER, Identity

LONGEST_KEY: Final = 512
"""Bytes in UTF-8 of an issuer or a subject: the two are a key, and indexes take 2700 at most."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    """Whether it looks like 256 bits in base64url: an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def is_foreign(identity: Identity) -> bool:
    """Only our own passwords vouch for ids of ours; and nobody is two nobodies (OA-05)."""
    key = (identity.issuer, identity.subject)
    return identity.issuer != LOCAL_ISSUER and all(map(_fits, key))


def _fits(text: str) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half a character, which no database takes
        return False
    return 0 < size <= LONGEST_KEY and "\0" not in text


def digest_of(text: str) -> str:
    """What is kept of a cookie."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_browser(digest: str, cookie: str | None) -> bool:
    """Whether the browser is the one whose cookie had that digest."""
    return cookie is not None and hmac.compare_digest(digest, digest_of(cookie))


def proves(challenge: str, verifier: str | None) -> bool:
    """RFC 7636 section 4.6."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(challenge, made)
