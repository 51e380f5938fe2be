"""Names: usernames, e-mail addresses and labels, each with one canonical form."""

from __future__ import annotations

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_username(text: str) -> bool:
    """ASCII letters, digits, dot, underscore, hyphen; 1 to 64, the first a letter or digit."""
    return _USERNAME.fullmatch(text) is not None


def canonical_username(text: str) -> str | None:
    """The form under which a username is unique and looked up; None if it can't be one."""
    return text.lower() if is_username(text) else None


def canonical_email(text: str) -> str | None:
    """ASCII local part in lower case, domain as A-labels in lower case; None if not an address."""
    if len(text) > 254 or not text.isprintable():
        return None
    try:
        parsed = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_quoted_local=False,
            strict=True,  # RFC 5321 section 4.5.3.1.1: a local part has at most 64 octets
            test_environment=True,
        )
    except (EmailNotValidError, ValueError):
        return None
    if parsed.ascii_email is None:
        return None
    return parsed.ascii_email.lower()


def is_label(text: str, *, longest: int = 128) -> bool:
    """A name or description: 1 to `longest` code points without control characters."""
    return 0 < len(text) <= longest and not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text
    )
