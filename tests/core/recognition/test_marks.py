"""Marks of uses: few of them, never forgotten too early, and given back where they were taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentbox.core.recognition.marks import MARKS, SHORTEST, Rate
from agentbox.model.api_keys import RateMark
from agentbox.model.formats.rate_limit import PERIODS, parse_rate_limit

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)


def rate(text: str) -> Rate:
    return Rate.of(parse_rate_limit(text))


@pytest.mark.parametrize(
    ("text", "part", "share"),
    [
        ("10000/second", SHORTEST, 500),
        ("100/second", SHORTEST, 5),
        ("10000/minute", timedelta(milliseconds=600), 100),
        ("99/minute", timedelta(milliseconds=600), 0),
        ("250/hour", timedelta(seconds=36), 2),
        ("1/day", timedelta(seconds=864), 0),
    ],
)
def test_a_period_has_a_hundred_parts_and_none_is_very_short(
    text: str, part: timedelta, share: int
) -> None:
    assert (rate(text).part, rate(text).share) == (part, share)


def test_uses_within_a_part_share_a_mark_that_ends_with_the_last() -> None:
    hourly = rate("100/hour")
    marks = hourly.noted([], NOON, NOON, 1)
    marks = hourly.noted(marks, NOON + 35 * SECOND, NOON + 35 * SECOND, 2)
    marks = hourly.noted(marks, NOON + 36 * SECOND, NOON + 40 * SECOND, 3)

    assert marks == [RateMark(NOON + 35 * SECOND, 3), RateMark(NOON + 40 * SECOND, 3)]


def test_a_later_use_that_ends_earlier_does_not_make_a_mark_older() -> None:
    hourly = rate("100/hour")
    marks = hourly.noted([], NOON, NOON + 5 * SECOND, 9)

    assert hourly.noted(marks, NOON + SECOND, NOON + SECOND, 1) == [RateMark(NOON + 5 * SECOND, 10)]


def test_a_clock_that_is_a_little_behind_joins_the_newest_mark() -> None:
    hourly = rate("100/hour")
    marks = hourly.noted([], NOON, NOON, 1)

    assert hourly.noted(marks, NOON - TICK, NOON - TICK, 1) == [RateMark(NOON, 2)]


def test_a_mark_counts_for_a_whole_period_after_its_last_use() -> None:
    daily = rate("5/day")
    marks = [RateMark(NOON, 5)]
    day = timedelta(days=1)

    assert daily.counting(marks, NOON + day - TICK) == marks
    assert daily.counting(marks, NOON + day) == []
    assert (daily.room(marks), daily.room([])) == (0, 5)


def test_a_clock_that_went_back_shuts_a_key_out_for_no_longer_than_a_period_and_a_part() -> None:
    hourly = rate("5/hour")
    marks = hourly.counting([RateMark(NOON + timedelta(days=300), 5)], NOON)

    assert marks == [RateMark(NOON + hourly.part, 5)]
    assert hourly.room(marks) == 0
    assert hourly.free_again(marks, NOON) == NOON + hourly.part + hourly.period


def test_what_is_given_back_is_taken_from_its_own_mark() -> None:
    hourly = rate("1000/hour")
    marks = [RateMark(NOON + at * hourly.part + SECOND, 10) for at in range(3)]

    after = hourly.given_back(marks, NOON + hourly.part + 20 * SECOND, 4)

    assert [mark.uses for mark in after] == [10, 6, 10]
    assert [mark.last for mark in after] == [mark.last for mark in marks]


def test_what_has_no_mark_any_more_is_not_taken_from_another() -> None:
    hourly = rate("1000/hour")
    marks = [RateMark(NOON, 10)]

    assert hourly.given_back(marks, NOON - TICK, 4) == marks
    assert hourly.given_back(marks, NOON + hourly.part, 4) == marks
    assert hourly.given_back([], NOON, 4) == []


def test_there_is_room_again_when_enough_have_been_forgotten() -> None:
    marks = [RateMark(NOON, 3), RateMark(NOON + SECOND, 2), RateMark(NOON + 2 * SECOND, 1)]
    minute = timedelta(minutes=1)
    now = NOON + 5 * SECOND

    assert rate("7/minute").free_again(marks, now) == now
    assert rate("6/minute").free_again(marks, now) == NOON + minute
    # narrowed meanwhile
    assert rate("3/minute").free_again(marks, now) == NOON + SECOND + minute
    assert rate("1/minute").free_again(marks, now) == NOON + 2 * SECOND + minute
    assert rate("3/minute").room(marks) == 0


@pytest.mark.parametrize("period", PERIODS)
def test_there_are_few_marks_however_often_a_key_is_used(period: str) -> None:
    limit, marks, now = rate(f"10000/{period}"), [], NOON
    step = limit.period / 3333
    for _ in range(7000):
        now += step
        marks = list(limit.noted(limit.counting(marks, now), now, now, 1))
        assert len(marks) <= MARKS + 1

    assert sum(mark.uses for mark in marks) in range(3333, 3333 + 3333 // 20 + 2)
    assert marks == sorted(marks)
