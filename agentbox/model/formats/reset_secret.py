"""Reset secrets: given to a user who lost the password, and used once in its place."""

from __future__ import annotations

import hashlib

from agentbox.model.ids import random_base62
from agentbox.model.secret import Secret

PREFIX = "abreset_"
_LENGTH = 32


def new_reset_secret() -> Secret:
    """A new one: 190 random bits."""
    return Secret(PREFIX + random_base62(_LENGTH))


def reset_digest(secret: Secret) -> bytes:
    """The SHA-256 that is kept of it."""
    return hashlib.sha256(secret.reveal().encode()).digest()
