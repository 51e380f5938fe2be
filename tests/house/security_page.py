"""docs/security.md: the table of proofs, made from the rows and from the tests that quote them."""

from __future__ import annotations

import re

from tests.house.test_security_rows import NOW, NOW_IN_PART, ROWS, quoted
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "security.md"
_PART = re.compile(r"(<!-- made from the tests: rows -->\n).*?(<!-- end -->)", re.DOTALL)


def security_page() -> str:
    """The page with its table as the tests have it now."""
    text = PAGE.read_text()
    assert _PART.search(text)
    return _PART.sub(lambda found: found[1] + _table() + found[2], text)


def promised() -> set[str]:
    """The rows that the page's sentences name."""
    text = _PART.sub("", PAGE.read_text())
    return {row for row in ROWS if re.search(rf"\b{row}\b", text)}


def _table() -> str:
    lines = ["| row | part | proved in |", "|---|---|---|"]
    for row, due in ROWS.items():
        part = "" if due == NOW else due.removeprefix(NOW_IN_PART)
        places = "<br>".join(f"`{place}`" for place in sorted(quoted().get(row, ())))
        lines.append(f"| {row} | {part} | {places or '—'} |")
    return "\n".join(lines) + "\n"
