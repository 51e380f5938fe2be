"""When jobs run: intervals, cron in UTC, jitter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentbox.core.background.schedule import (
    begins_at,
    first_tick,
    next_tick,
    realigned,
    shown,
    shown_span,
)
from agentbox.model.formats.cron import MOST, next_after
from tests.core.background.jobs import MINUTE, Work
from tests.core.world import START


class AtNight(Work):
    interval = None
    cron = "30 3 * * *"


class Spread(Work):
    interval = timedelta(hours=1)
    jitter = timedelta(minutes=10)


NIGHT = datetime(2027, 1, 1, 3, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("cron", "after", "then"),
    [
        ("30 3 * * *", "2027-01-01T03:29:59", "2027-01-01T03:30"),
        ("30 3 * * *", "2027-01-01T03:30", "2027-01-02T03:30"),
        ("*/15 * * * *", "2027-01-01T23:45:00.000001", "2027-01-02T00:00"),
        ("0 0 29 2 *", "2027-01-01", "2028-02-29"),
        ("0 12 * * MON", "2027-01-01", "2027-01-04T12:00"),
        ("0 12 * * 7", "2027-01-01", "2027-01-03T12:00"),
        ("0 0 L * *", "2027-02-01", "2027-02-28"),
        ("*/10 * * * * *", "2027-01-01T00:00:01", "2027-01-01T00:00:10"),
    ],
)
def test_cron_names_the_next_time(cron: str, after: str, then: str) -> None:
    found = next_after(cron, datetime.fromisoformat(after).replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(then).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


# Clocks of people went forward at 01:00 UTC on 28 March 2027 in half of Europe, and back on
# 31 October; a job at half past two local time would run never, and twice.
@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
def test_there_is_no_summer_time(day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    times = [start]
    while times[-1] < start + DAY:
        times.append(next_after("30 * * * *", times[-1]))

    assert times[1:] == [start + timedelta(hours=n, minutes=30) for n in range(25)]


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "@daily",
        "0 0 31 2 *",
        "a b c d e",
        "² * * * *",
        "1,,2 * * * *",
        "0 " * 200,
        "1," * MOST + "1 * * * *",
    ],
)
def test_what_is_no_cron_is_said(cron: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z][^A-Z]*$"):
        next_after(cron, START)


def test_a_job_with_cron_runs_first_at_its_next_time() -> None:
    assert first_tick(AtNight(), NIGHT - DAY / 2) == NIGHT
    assert first_tick(Work(), START) == START + MINUTE


@pytest.mark.parametrize("late", [timedelta(0), MINUTE, DAY - MINUTE])
def test_the_next_time_of_cron_comes_after_now(late: timedelta) -> None:
    assert next_tick(NIGHT, AtNight(), NIGHT + late) == NIGHT + DAY


def test_a_clock_that_went_back_brings_no_time_twice() -> None:
    assert next_tick(NIGHT, AtNight(), NIGHT - 3 * DAY) == NIGHT + DAY


def test_jitter_is_within_its_bounds_and_differs_from_run_to_run() -> None:
    job = Spread()
    ticks = [START + n * timedelta(hours=1) for n in range(500)]
    later = [begins_at(job, tick, "https://a.example") - tick for tick in ticks]

    assert all(timedelta(0) <= each < job.jitter for each in later)
    assert len(set(later)) == len(later)
    assert timedelta(minutes=4) < sum(later, timedelta(0)) / 500 < timedelta(minutes=6)


def test_jitter_is_the_same_in_all_processes_of_a_deployment_and_another_elsewhere() -> None:
    one = begins_at(Spread(), START, "https://a.example")

    assert one == begins_at(Spread(), START, "https://a.example")
    assert one != begins_at(Spread(), START, "https://b.example")


def test_a_job_without_jitter_begins_at_its_time() -> None:
    assert begins_at(Work(), START, "https://a.example") == START


@pytest.mark.parametrize(
    ("job", "due", "now", "becomes"),
    [
        (Work(), START, START, START),
        (Work(), START + MINUTE, START, START + MINUTE),
        (Work(), START + DAY, START, START + MINUTE),
        (Work(), START - DAY, START, START - DAY),
        (AtNight(), NIGHT, NIGHT - MINUTE, NIGHT),
        (AtNight(), NIGHT + DAY, NIGHT - MINUTE, NIGHT),
        (AtNight(), NIGHT - MINUTE / 2, NIGHT - MINUTE, NIGHT),
        (AtNight(), NIGHT - DAY, NIGHT - MINUTE, NIGHT - DAY),
    ],
)
def test_a_date_of_another_schedule_is_corrected(
    job: Work, due: datetime, now: datetime, becomes: datetime
) -> None:
    assert realigned(job, due, now) == becomes


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (Work(), "every 1m"),
        (AtNight(), "cron 30 3 * * *"),
        (Spread(), "every 1h, up to 10m later"),
    ],
)
def test_a_schedule_is_told_in_words(job: Work, words: str) -> None:
    assert shown(job) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.09, "90ms"), (1.5, "1s 500ms"), (90, "1m 30s"), (129_600, "1d 12h"), (0.0001, "0s")],
)
def test_a_length_of_time_is_told_in_words(seconds: float, words: str) -> None:
    assert shown_span(timedelta(seconds=seconds)) == words
