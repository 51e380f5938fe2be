"""Under which name a guess at a password is counted, however that name is spelled."""

from __future__ import annotations

import unicodedata

from agentbox.model.formats.names import canonical_email, canonical_username

_LONGEST = 320
"""No name is longer; folding costs more than its length where marks are combined."""


def counted_name(text: str) -> str | None:
    """The canonical username or e-mail that `text` is, or would be without its disguise.

    Case, width, accents, white space, invisible characters and slashes around it make no other name
    of it. None for what can't be a name in any spelling. Only for counting: nobody signs in by it.
    """
    if len(text) > _LONGEST:
        return None
    return _canonical(text) or _canonical(_undisguised(text))


def _canonical(text: str) -> str | None:
    # A username has no @, so a name is one or the other.
    return canonical_email(text) if "@" in text else canonical_username(text)


def _undisguised(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in decomposed if _is_visible(each)).strip("/")


def _is_visible(character: str) -> bool:
    """False for marks, separators, and control and format characters."""
    return unicodedata.category(character)[0] not in {"M", "Z", "C"}
