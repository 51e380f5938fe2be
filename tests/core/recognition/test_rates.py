"""How often a limited key may be used: at most so many times in any span of the period."""

from __future__ import annotations

import random
import sys

import pytest

from agentbox.core.recognition import rates
from agentbox.core.recognition.rates import MARKS, Rates
from tests.core.world import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def allowed(limits: Rates, rate: str, times: int, key: str = "k") -> int:
    """How many of so many uses at once get through."""
    return sum(limits.wait(key, rate) == 0 for _ in range(times))


# AK-05
def test_as_many_as_the_rate_says_and_no_more(clock: ManualClock) -> None:
    assert allowed(Rates(clock), "5/minute", 20) == 5


def test_they_are_given_back_a_period_after_their_use(clock: ManualClock) -> None:
    limits = Rates(clock)
    allowed(limits, "5/minute", 5)

    clock.move(59.9)
    assert allowed(limits, "5/minute", 5) == 0
    clock.move(0.1)
    assert allowed(limits, "5/minute", 10) == 5


def test_the_span_slides_and_has_no_edge_to_wait_for(clock: ManualClock) -> None:
    limits = Rates(clock)
    allowed(limits, "4/minute", 2)
    clock.move(50)
    allowed(limits, "4/minute", 2)
    clock.move(11)  # a counter by the clock's minutes would begin anew and give 4

    assert allowed(limits, "4/minute", 4) == 2


@pytest.mark.parametrize(
    ("moved", "wait"), [(0.0, 60), (0.4, 60), (10.0, 50), (59.5, 1), (59.99, 1)]
)
def test_whoever_is_refused_is_told_in_how_many_whole_seconds_there_is_room(
    clock: ManualClock, moved: float, wait: int
) -> None:
    limits = Rates(clock)
    allowed(limits, "1/minute", 1)
    clock.move(moved)

    assert limits.wait("k", "1/minute") == wait
    clock.move(wait)
    assert limits.wait("k", "1/minute") == 0


def test_a_refused_use_costs_nothing(clock: ManualClock) -> None:
    limits = Rates(clock)
    allowed(limits, "2/minute", 2)
    for _ in range(59):
        clock.move(1)
        assert limits.wait("k", "2/minute") > 0
    clock.move(1)

    assert allowed(limits, "2/minute", 3) == 2


def test_keys_do_not_count_for_each_other(clock: ManualClock) -> None:
    limits = Rates(clock)
    allowed(limits, "1/day", 1, "one")

    assert allowed(limits, "1/day", 2, "other") == 1


def test_a_rate_that_was_narrowed_counts_what_was_used_before(clock: ManualClock) -> None:
    limits = Rates(clock)
    allowed(limits, "10/hour", 6)

    assert allowed(limits, "5/hour", 5) == 0
    assert allowed(limits, "8/hour", 5) == 2


@pytest.mark.parametrize("rate", ["3/second", "50/minute", "700/hour"])
def test_no_span_ever_holds_more_whenever_the_uses_come(clock: ManualClock, rate: str) -> None:
    # AK-05
    number, seconds = rates.parse_rate_limit(rate)
    chance, limits, used = random.Random(7), Rates(clock), []
    for _ in range(number * 8):
        clock.move(chance.expovariate(2.5 * number / seconds))
        if limits.wait("k", rate) == 0:
            used.append(clock.monotonic())

    spans = [sum(at <= other < at + seconds for other in used) for at in used]
    assert max(spans) == number
    # and little is lost by counting in marks
    assert len(used) >= 0.95 * number * (used[-1] - used[0]) / seconds


def test_a_key_is_remembered_in_a_bounded_number_of_marks(clock: ManualClock) -> None:
    limits = Rates(clock)
    for _ in range(10_000):
        clock.move(8.64)
        limits.wait("k", "10000/day")

    log = limits._logs["k"]
    assert log.uses == 10_000
    assert len(log.marks) <= MARKS + 1
    assert sys.getsizeof(log.marks) < 4096


def test_the_key_used_longest_ago_is_forgotten_for_another(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "MOST_KEYS", 3)
    limits = Rates(clock)
    for key in ("one", "two", "three", "one", "four"):
        limits.wait(key, "5/day")

    assert list(limits._logs) == ["three", "one", "four"]
