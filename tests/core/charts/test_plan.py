"""Which step and which level a chart gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbox.config.sections import MetricsSettings
from agentbox.core.charts.plan import FEW, MOST, Asked, Plan, Planner
from agentbox.errors import ValidationFailed
from agentbox.model.metrics import Level
from agentbox.model.times import EPOCH, format_duration

NOW = datetime(2026, 11, 27, 14, 25, 17, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def planned(
    ago: timedelta, length: timedelta | None = None, step: str | None = None, **settings: object
) -> Plan:
    """The plan for a span that began so long ago, until now unless it has a length."""
    start = NOW - ago
    asked = Asked(start=start, end=None if length is None else start + length, step=step)
    return Planner(MetricsSettings(**settings)).plan(asked, NOW)  # type: ignore[arg-type]


def chosen(*arguments: object, **more: object) -> tuple[str, Level]:
    plan = planned(*arguments, **more)  # type: ignore[arg-type]
    return format_duration(plan.step), plan.level


def refused(asked: Asked) -> tuple[str, str]:
    with pytest.raises(ValidationFailed) as raised:
        Planner(MetricsSettings()).plan(asked, NOW)
    (fault,) = raised.value.errors
    return fault.pointer, fault.detail


@pytest.mark.parametrize(
    ("ago", "wanted"),
    [
        (MINUTE, ("30s", Level.RAW)),
        (HOUR, ("30s", Level.RAW)),
        (8 * HOUR, ("30s", Level.RAW)),  # 960 points
        (9 * HOUR, ("1m", Level.MINUTE)),
        (16 * HOUR, ("1m", Level.MINUTE)),
        (DAY, ("2m", Level.MINUTE)),  # 720
        (2 * DAY, ("5m", Level.MINUTE)),
        (3 * DAY, ("5m", Level.MINUTE)),  # 864, and just still kept
        (3 * DAY + 2 * SECOND, ("5m", Level.MINUTE)),  # of which the way here took a moment
        (3 * DAY + 30 * MINUTE, ("1h", Level.HOUR)),
        (30 * DAY, ("1h", Level.HOUR)),
        (30 * DAY + 2 * SECOND, ("1h", Level.HOUR)),
        (31 * DAY, ("1d", Level.DAY)),
        (730 * DAY, ("1d", Level.DAY)),
        (900 * DAY, ("1d", Level.DAY)),  # kept by none, so the one that goes back farthest
    ],
)
def test_the_finest_step_is_chosen_that_is_not_too_fine_and_still_kept(
    ago: timedelta, wanted: tuple[str, Level]
) -> None:
    assert chosen(ago) == wanted


def test_a_short_span_long_ago_is_only_as_fine_as_what_is_kept_of_it() -> None:
    assert chosen(2 * DAY, HOUR) == ("1m", Level.MINUTE)
    assert chosen(10 * DAY, HOUR) == ("1h", Level.HOUR)
    assert chosen(100 * DAY, HOUR) == ("1d", Level.DAY)


def test_retention_decides_what_covers() -> None:
    assert chosen(10 * DAY, HOUR, raw_retention=14 * DAY) == ("30s", Level.RAW)
    assert chosen(10 * DAY, HOUR, minute_retention=14 * DAY) == ("1m", Level.MINUTE)
    assert chosen(100 * DAY, 2 * DAY, retention_days=200) == ("1h", Level.HOUR)
    # Whichever of those that cover is the quickest to read.
    assert chosen(2 * HOUR, 2 * HOUR, "10m", minute_retention=HOUR) == ("10m", Level.RAW)
    assert chosen(2 * HOUR, 2 * HOUR, "1h", minute_retention=HOUR) == ("1h", Level.HOUR)


def test_no_step_is_chosen_that_is_shorter_than_the_interval() -> None:
    # Else every other point would be missing.
    assert chosen(HOUR, collection_interval=timedelta(minutes=4)) == ("5m", Level.MINUTE)
    assert chosen(HOUR, collection_interval=HOUR) == ("1h", Level.HOUR)
    assert chosen(HOUR, collection_interval=timedelta(seconds=5)) == ("30s", Level.RAW)
    # 30 s is no multiple of 20 s.
    assert chosen(HOUR, collection_interval=timedelta(seconds=20)) == ("1m", Level.MINUTE)


@pytest.mark.parametrize(
    ("step", "level"),
    [
        ("30s", Level.RAW),
        ("90s", Level.RAW),
        ("1m", Level.MINUTE),
        ("7m", Level.MINUTE),
        ("90m", Level.MINUTE),
        ("1h", Level.HOUR),
        ("5h", Level.HOUR),
        ("1d", Level.DAY),
        ("24h", Level.DAY),
        ("7d", Level.DAY),
        ("36500d", Level.DAY),
    ],
)
def test_an_explicit_step_is_read_from_the_coarsest_level_that_it_is_a_multiple_of(
    step: str, level: Level
) -> None:
    plan = planned(HOUR, step=step)

    assert plan.level is level
    assert plan.start == EPOCH + (NOW - HOUR - EPOCH) // plan.step * plan.step


def test_an_explicit_step_of_which_nothing_is_kept_any_more_is_read_all_the_same() -> None:
    # The part that is still there is shown, and the rest is a gap.
    assert chosen(3 * DAY, None, "30s") == ("30s", Level.RAW)
    assert chosen(20 * DAY, 2 * DAY, "5m") == ("5m", Level.MINUTE)


@pytest.mark.parametrize(
    ("ago", "step", "gone"),
    [
        (3 * DAY, "5m", 1),
        (3 * DAY, "7m", 1),
        (3 * DAY - 5 * MINUTE, "5m", 0),
        (4 * DAY, "90m", 17),
        (3 * DAY, "1m", 0),  # such a value is there, or it is not
        (40 * DAY, "1d", 0),
    ],
)
def test_a_step_of_which_a_part_is_deleted_is_not_read(
    ago: timedelta, step: str, gone: int
) -> None:
    plan = planned(ago, step=step)

    assert plan.first - plan.start == gone * plan.step
    assert plan.first == plan.start or plan.first - plan.step < NOW - 3 * DAY <= plan.first


@pytest.mark.parametrize(
    "step", ["45s", "1s", "500ms", "0", "0s", "x", "", "-30s", "1w", "1.5h", "31s", "999999999d"]
)
def test_a_step_that_no_level_has_is_refused(step: str) -> None:
    assert refused(Asked(step=step))[0] == "/step"


def test_what_is_refused_of_a_step_is_told() -> None:
    assert refused(Asked(step="45s"))[1] == "must be a multiple of one of 30s, 1m, 1h, 1d"
    assert refused(Asked(step="x"))[1] == "is not a duration such as 30s, 5m, 1h or 1d"
    assert refused(Asked(step="36501d"))[1] == "must be longer than 0, and 36500d at most"


def test_an_explicit_step_gives_at_most_11000_points() -> None:
    most = MOST * 30 * SECOND
    exact = NOW - (NOW - EPOCH) % (30 * SECOND)

    asked = Asked(start=exact - most, end=exact, step="30s")
    assert Planner(MetricsSettings()).plan(asked, NOW).slots == MOST
    asked = Asked(start=exact - most - SECOND, end=exact, step="30s")
    assert refused(asked) == ("/step", "gives over 11000 points between start and end")


def test_over_a_thousand_days_need_a_step() -> None:
    pointer, detail = refused(Asked(start=NOW - 1001 * DAY))
    assert (pointer, "ask for a longer step" in detail) == ("/start", True)

    asked = Asked(start=EPOCH, step="7d")
    assert Planner(MetricsSettings()).plan(asked, NOW).start == EPOCH


def test_without_a_word_it_is_the_last_24_hours() -> None:
    plan = Planner(MetricsSettings()).plan(Asked(), NOW)

    assert plan.end == NOW
    assert NOW - plan.start == DAY + (NOW - EPOCH) % plan.step
    assert Planner(MetricsSettings()).plan(Asked(end=NOW - DAY), NOW).end == NOW - DAY


def test_an_end_in_the_future_counts_for_nothing() -> None:
    for end in (NOW + HOUR, NOW + 365 * DAY, datetime.max.replace(tzinfo=UTC)):
        plan = Planner(MetricsSettings()).plan(Asked(start=NOW - HOUR, end=end), NOW)

        assert (plan.end, plan.step) == (end, 30 * SECOND)
        assert plan.slots <= 122


def test_a_span_in_the_future_has_no_points() -> None:
    asked = Asked(start=NOW + HOUR, end=NOW + 2 * HOUR)

    assert Planner(MetricsSettings()).plan(asked, NOW).slots == 0


def test_a_span_that_is_none_is_refused() -> None:
    assert refused(Asked(start=NOW, end=NOW - SECOND)) == ("/end", "must not be before start")
    assert refused(Asked(start=NOW + SECOND))[0] == "/start"
    assert refused(Asked(start=EPOCH - SECOND))[0] == "/start"
    assert refused(Asked(end=EPOCH - SECOND)) == ("/end", "is before 1970")
    assert refused(Asked(end=datetime.min.replace(tzinfo=UTC)))[0] == "/end"
    assert refused(Asked(start=datetime.min.replace(tzinfo=UTC)))[0] == "/start"


def test_the_day_before_an_end_begins_with_1970_at_the_earliest() -> None:
    for end in (EPOCH, EPOCH + HOUR):
        plan = Planner(MetricsSettings()).plan(Asked(end=end), NOW)

        assert (plan.start, plan.end) == (EPOCH, end)


def test_a_span_without_length_is_answered() -> None:
    asked = Asked(start=NOW - MINUTE, end=NOW - MINUTE)

    assert Planner(MetricsSettings()).plan(asked, NOW).slots in {0, 1}


instants = st.integers(-(10**9), 4 * 10**9).map(lambda seconds: EPOCH + seconds * SECOND)
settings = st.builds(
    MetricsSettings,
    collection_interval=st.sampled_from([timedelta(seconds=s) for s in (5, 20, 30, 60, 900, 3600)]),
    raw_retention=st.sampled_from([HOUR, DAY, 90 * DAY]),
    minute_retention=st.sampled_from([HOUR, 3 * DAY, 365 * DAY]),
    retention_days=st.sampled_from([1, 30, 36500]),
)
steps = st.none() | st.sampled_from(["30s", "1m", "90m", "1h", "1d", "30d"])


@given(settings, st.none() | instants, st.none() | instants, steps)
def test_whatever_is_asked_a_plan_keeps_its_bounds_or_names_what_is_wrong(
    settings: MetricsSettings, start: datetime | None, end: datetime | None, step: str | None
) -> None:
    planner = Planner(settings)
    plan, wrong = outcome(planner, Asked(start=start, end=end, step=step))
    if plan is None:
        assert wrong
        assert wrong <= {"/start", "/end", "/step"}
        return
    assert plan.slots <= (MOST if step else FEW)
    assert not (plan.start - EPOCH) % plan.step
    assert not plan.step % planner.steps[plan.level]
    assert plan.until <= min(plan.end, NOW + HOUR)
    if start is not None:
        assert start - plan.step < plan.start <= start


def outcome(planner: Planner, asked: Asked) -> tuple[Plan | None, set[str]]:
    """The plan, or what is wrong."""
    try:
        return planner.plan(asked, NOW), set()
    except ValidationFailed as refusal:
        return None, {fault.pointer for fault in refusal.errors}
