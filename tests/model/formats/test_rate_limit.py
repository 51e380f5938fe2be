"""Rates as people write them."""

from __future__ import annotations

import pytest

from agentbox.model.formats.rate_limit import RateLimit, parse_rate_limit


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/second", RateLimit(1, 1)),
        ("100/minute", RateLimit(100, 60)),
        ("9999/hour", RateLimit(9999, 3600)),
        ("10000/day", RateLimit(10_000, 86_400)),
    ],
)
def test_a_rate_is_a_number_and_a_period(text: str, rate: RateLimit) -> None:
    assert parse_rate_limit(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "100", "/minute", "0/minute", "-1/minute", "01/minute", "10001/minute", "99999/minute",
     "100000/minute", "1.5/minute", "1e2/minute", "100/minutes", "100/m", "100/week", "100 /minute",
     "100/ minute", "100/MINUTE", "100/minute ", "100/minute\n", "\u0661/minute", "100/5m"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/minute"):
        parse_rate_limit(text)


@pytest.mark.parametrize(
    ("one", "other", "within"),
    [
        ("100/minute", "100/minute", True),
        ("99/minute", "100/minute", True),
        ("100/hour", "100/minute", True),
        ("101/minute", "100/minute", False),
        ("100/second", "100/minute", False),
        # 60 a minute may come in one second, which 1 a second forbids
        ("60/minute", "1/second", False),
        # 1 a second may be 60 in a minute and 86400 in a day
        ("1/second", "60/minute", False),
    ],
)
def test_a_rate_is_within_one_that_never_forbids_what_it_allows(
    one: str, other: str, within: bool
) -> None:
    assert parse_rate_limit(one).within(parse_rate_limit(other)) is within
