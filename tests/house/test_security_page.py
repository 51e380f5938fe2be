"""docs/security.md promises what is proved, and all of it."""

from __future__ import annotations

from tests.house.security_page import promised
from tests.house.test_security_rows import ROWS


def proved() -> set[str]:
    """Rows that tests prove wholly or as far as they are due, but for those of later parts."""
    return {row for row, due in ROWS.items() if due.startswith("now")} - LATER


LATER = {"FA-03"}
"""Met on the way, by a part that is promised with others."""


def test_what_is_promised_is_proved() -> None:
    assert promised() - proved() == set()


def test_what_is_proved_is_promised() -> None:
    assert proved() - promised() == set()
