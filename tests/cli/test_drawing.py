"""Series as text: every line is as wide as it may be, and says what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbox.cli.metrics.drawing import HEIGHT, Drawing, number
from agentbox.core.charts.plan import Plan
from agentbox.core.charts.series import Series
from agentbox.model.metrics import Aggregate, Level, MetricType, Point

START = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOAD = MetricType(name="load", unit="percent", description="Load.")


def series(
    given: Mapping[int, float],
    slots: int,
    *,
    step: timedelta = MINUTE,
    aggregate: Aggregate = Aggregate.AVG,
    environment_id: str | None = None,
) -> Series:
    """Values by the number of their step."""
    end = START + slots * step
    return Series(
        type=LOAD,
        environment_id=environment_id,
        plan=Plan(start=START, first=START, end=end, until=end, step=step, level=Level.RAW),
        aggregate=aggregate,
        points=[Point(START + n * step, value) for n, value in sorted(given.items())],
    )


def drawn(given: Series, width: int = 80, *, in_ascii: bool = False) -> list[str]:
    return list(Drawing(width, in_ascii=in_ascii).lines(given))


def area(lines: list[str], upright: str = "│") -> list[str]:
    """The bars alone, from the top, all equally long."""
    rows = [line.partition(upright)[2] for line in lines if upright in line]
    return [row.ljust(max(map(len, rows))) for row in rows]


def bars(lines: list[str]) -> list[int]:
    """How many eighths of a row each column is high."""
    eighths = " ▁▂▃▄▅▆▇█"
    return [sum(map(eighths.index, column)) for column in zip(*area(lines), strict=True)]


def test_a_series_is_drawn_with_its_axes_and_what_it_was() -> None:
    lines = drawn(series({0: 0.0, 1: 50.0, 3: 100.0}, 4), 31)

    assert lines == [
        "load in percent, avg of each 1m",
        "      100 │               █████",
        "          │               █████",
        "          │               █████",
        "          │               █████",
        "       50 │     █████     █████",
        "          │     █████     █████",
        "          │     █████     █████",
        "        0 │▁▁▁▁▁█████     █████",
        "          └┴──────────┴────────",
        "           08:00      08:02",
        "min 0  max 100  last 100 at 2026-11-27 08:03:00Z",
    ]


def test_letters_do_where_nothing_else_can_be_shown() -> None:
    lines = drawn(series({0: 1.0, 2: 2.0}, 3), 40, in_ascii=True)

    assert "\n".join(lines).isascii()
    assert area(lines, "|")[0].strip() == "#" * 9
    assert all(row[9:18].isspace() for row in area(lines, "|"))


def test_a_gap_is_empty_and_a_zero_is_not() -> None:
    found = bars(drawn(series({0: 0.0, 2: 0.0, 3: 8.0}, 4), 31))

    assert found == [1] * 5 + [0] * 5 + [1] * 5 + [8 * HEIGHT] * 5


def test_an_environment_is_named() -> None:
    assert "environment e1" in drawn(series({0: 1.0}, 1, environment_id="e1"))
    assert not any("environment" in line for line in drawn(series({0: 1.0}, 1)))


def test_a_series_without_points_says_so() -> None:
    assert drawn(series({}, 10)) == [
        "load in percent, avg of each 1m",
        "Nothing was measured from 2026-11-27 08:00:00Z to 2026-11-27 08:10:00Z.",
    ]


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [(Aggregate.MAX, 8.0), (Aggregate.MIN, 2.0), (Aggregate.LAST, 4.0), (Aggregate.AVG, 14 / 3)],
)
def test_points_that_share_a_column_become_one_bar(aggregate: Aggregate, value: float) -> None:
    given = {n: (8.0, 2.0, 4.0)[n % 3] for n in range(57)} | {57: 8.0, 58: 8.0, 59: 8.0}

    *found, last = bars(drawn(series(given, 60, aggregate=aggregate), 31))

    assert found == [round(value / 8 * 8 * HEIGHT)] * 19
    assert last == 8 * HEIGHT


def test_a_column_is_empty_only_if_all_of_its_points_are_missing() -> None:
    given = {n: 1.0 for n in range(60) if n % 3 == 2 and not 30 <= n < 36}

    found = bars(drawn(series(given, 60), 31))

    assert [place for place, height in enumerate(found) if not height] == [10, 11]


def test_bars_stand_on_zero_or_on_what_is_below_it() -> None:
    assert drawn(series({0: 1000.0, 1: 1001.0}, 2))[HEIGHT].strip().startswith("0 │")
    assert drawn(series({0: -4.0, 1: 4.0}, 2))[HEIGHT].strip().startswith("-4 │")


@pytest.mark.parametrize(
    ("step", "slots", "shape"),
    [
        (MINUTE, 120, r"\d\d:\d\d"),
        (60 * MINUTE, 72, r"\d\d-\d\d \d\d:\d\d"),
        (timedelta(days=1), 60, r"\d{4}-\d\d-\d\d"),
    ],
)
def test_times_are_as_exact_as_the_span_wants(step: timedelta, slots: int, shape: str) -> None:
    labels = drawn(series({0: 1.0}, slots, step=step))[-2].split("  ")

    found = [label.strip() for label in labels if label.strip()]
    assert len(found) >= 2
    assert all(re.fullmatch(shape, label) for label in found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.12345, "0.123"),
        (12.345, "12.3"),
        (999.4, "999"),
        (1234.5, "1,234"),
        (9999999.0, "9,999,999"),
        (1e7, "1e+07"),
        (-1234.5, "-1,234"),
        (1e200, "1e+200"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


finite = st.floats(min_value=-1e200, max_value=1e200)


@given(
    st.integers(1, 400).flatmap(
        lambda slots: st.tuples(
            st.just(slots), st.dictionaries(st.integers(0, slots - 1), finite, min_size=1)
        )
    ),
    st.integers(31, 200),
    st.booleans(),
    st.sampled_from(Aggregate),
)
def test_whatever_is_drawn_fits(
    given: tuple[int, dict[int, float]], width: int, in_ascii: bool, aggregate: Aggregate
) -> None:
    slots, values = given

    lines = drawn(series(values, slots, aggregate=aggregate), width, in_ascii=in_ascii)

    assert len(lines) == HEIGHT + 4
    assert all(len(line) <= width for line in lines[1 : HEIGHT + 2])
    assert len(lines[HEIGHT + 2]) <= width
    seen = "".join(area(lines, "|" if in_ascii else "│"))
    assert seen.strip()
