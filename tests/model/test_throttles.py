"""Limits of guesses as they are written, and what a failure does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentbox.model.throttles import GuessLimit, parse_guess_limit, penalty

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "failures", "seconds"),
    [("10/5m", 10, 300), ("1/1s", 1, 1), ("1000000/15m", 1_000_000, 900), ("3/900s", 3, 900)],
)
def test_a_limit_is_a_number_in_a_time(text: str, failures: int, seconds: int) -> None:
    assert parse_guess_limit(text) == GuessLimit(failures, timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "text",
    ["", "10", "/5m", "0/5m", "-1/5m", "10/0s", "10/16m", "10/1h", "10/250ms", "10/5", "10 / 5m",
     "10/5m\n", "１０/5m", "10/minute", "99999999/5m"],
)  # fmt: skip
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10/5m"):
        parse_guess_limit(text)


@pytest.mark.parametrize(
    ("minutes", "doubling", "blocks"),
    [(5, True, [5, 10, 15]), (5, False, [5, 5, 5]), (1, True, [1, 2, 4]), (15, True, [15] * 3)],
)
def test_no_block_is_longer_than_fifteen_minutes(
    minutes: int, doubling: bool, blocks: list[int]
) -> None:
    owed = penalty(GuessLimit(7, timedelta(minutes=minutes)), NOW, forget=NOW, doubling=doubling)

    assert owed.limit == 7
    assert owed.window_end == NOW + timedelta(minutes=minutes)
    assert [(end - NOW).total_seconds() / 60 for end in owed.block_ends] == blocks
