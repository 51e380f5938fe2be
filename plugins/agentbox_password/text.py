"""A password as it is hashed: exactly as given, in one Unicode form."""

from __future__ import annotations

import unicodedata

LONGEST = 1024
"""Bytes of UTF-8."""

# NFC makes a text at most three times shorter in UTF-8, so longer ones need no normalising, whose
# cost grows with the square of a run of combining marks.
_LONGEST_RAW = 3 * LONGEST


def normalise(password: str) -> str | None:
    """The password in NFC (NIST SP 800-63B-4 section 3.1.1.2), neither trimmed nor folded.

    None for what can't be a password: longer than `LONGEST`, or with half of a surrogate pair.
    """
    try:
        if len(password.encode("utf-8")) > _LONGEST_RAW:
            return None
    except UnicodeEncodeError:
        return None
    text = unicodedata.normalize("NFC", password)
    return text if len(text.encode("utf-8")) <= LONGEST else None


def to_hash(password: str) -> bytes | None:
    """The bytes that are hashed, or None for what is never hashed: as above, empty, or with NUL."""
    text = normalise(password)
    if not text or "\x00" in text:
        return None
    return text.encode("utf-8")
