"""Under which name a guess is counted."""

from __future__ import annotations

import pytest

from agentbox.model.formats.counted_name import counted_name


# PW-07, IV-07
@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("ada", "ada"),
        ("ADA", "ada"),
        (" a d\ta\n", "ada"),
        ("ada/", "ada"),
        ("//ada", "ada"),
        ("áda", "ada"),
        ("a\u0301da", "ada"),
        ("ａｄａ", "ada"),
        ("a\u200bd\u2060a\ufeff", "ada"),
        ("a\0da", "ada"),
        ("uſer", "user"),
        ("Ada@Example.ORG", "ada@example.org"),
        ("ada＠example.org", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("", None),
        ("@", None),
        ("-ada", None),
        ("a@b@c", None),
        ("ada!", None),
        ("аda", None),  # Cyrillic: another letter, and no name
        ("\ud800", None),
        ("a" * 65, None),
        ("a" + "\u0301" * 100_000, None),
    ],
)
def test_disguises_make_no_other_name(text: str, counted: str | None) -> None:
    assert counted_name(text) == counted
