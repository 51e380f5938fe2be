"""Every row of the security requirements has a test that quotes it, or a part that brings it.

`python -m tests.house.test_security_rows` notes the rows that tests quote by now.
"""

from __future__ import annotations

import re
import tokenize
import tomllib
from collections import defaultdict
from functools import cache

from tests.house.tree import ROOT, modules, name_of

ROWS: dict[str, str] = tomllib.loads((ROOT / "tests/data/security-rows.toml").read_text())
NOW = "now"
NOW_IN_PART = "now, rest: "
PARTS = {
    "release",
    "openid",
    "metrics",
    "forward-auth",
    "introspection",
    "console",
}

_GROUPS = "|".join(sorted({row.partition("-")[0] for row in ROWS}))
_QUOTED = re.compile(rf"\b(?:{_GROUPS})-\d\d\b")


@cache
def quoted() -> dict[str, set[str]]:
    """Rows by id, each with the test modules whose comments quote it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in modules("tests"):
        if not path.stem.startswith("test_"):
            continue
        with path.open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                if token.type == tokenize.COMMENT:
                    for row in _QUOTED.findall(token.string):
                        found[row].add(name_of(path))
    return found


def test_every_row_that_is_due_now_is_quoted_by_a_test() -> None:
    assert [row for row, due in ROWS.items() if _is_due(due) and row not in quoted()] == []


def test_no_row_waits_for_a_part_while_a_test_proves_it() -> None:
    waiting = {row for row, due in ROWS.items() if not _is_due(due)}

    assert {row: places for row, places in quoted().items() if row in waiting} == {}


def test_no_test_quotes_a_row_that_there_is_not() -> None:
    assert {row: places for row, places in quoted().items() if row not in ROWS} == {}


def test_rows_wait_for_parts_that_are_known() -> None:
    parts = {due.removeprefix(NOW_IN_PART) for due in ROWS.values()}

    assert parts - PARTS - {NOW} == set()


def _is_due(due: str) -> bool:
    return due == NOW or due.startswith(NOW_IN_PART)


if __name__ == "__main__":
    place = ROOT / "tests/data/security-rows.toml"
    text = place.read_text()
    for row in quoted():
        if not _is_due(ROWS[row]):
            text = text.replace(f'{row} = "', f'{row} = "{NOW_IN_PART}')
    place.write_text(text)
