"""Ids of sites that people sign in at, as they stand in our addresses."""

from __future__ import annotations

import re
from typing import Final

RESERVED: Final = frozenset(
    {
        "change-password",
        "exchange",
        "identities",
        "local",
        "login",
        "logout",
        "me",
        "providers",
        "reauthenticate",
        "refresh",
        "sessions",
    }
)
"""Words that stand in the place of a provider in other addresses, and the issuer of our own."""

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


def is_provider_id(text: str) -> bool:
    """Whether a site may be called so: 1 to 32 of a-z 0-9 -, the first a letter; not reserved."""
    return _ID.fullmatch(text) is not None and text not in RESERVED
