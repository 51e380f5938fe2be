"""docs/configuration.md says what the types say."""

from __future__ import annotations

import re

from agentbox.config.schema import SHORT_NAMES
from tests.house.configuration_page import PAGE, page


def test_the_tables_are_those_of_the_types() -> None:
    told = "run: python -m tests.house.configuration_page"
    assert PAGE.read_text() == page(), told


def test_every_short_name_is_told() -> None:
    assert [name for name in SHORT_NAMES if f"`{name}`" not in PAGE.read_text()] == []


def test_no_line_is_left_without_a_meaning() -> None:
    rows = re.findall(r"^\| `.*\|$", PAGE.read_text(), re.MULTILINE)
    assert [row for row in rows if row.endswith("|  |")] == []
