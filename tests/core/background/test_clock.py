"""The clock: the database's, carried on by one that never goes back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from agentbox.core import clock as module
from agentbox.core.clock import READY_SKEW, DatabaseClock
from agentbox.core.counters import Counters
from agentbox.plugin.storage import Storage
from tests.core.world import Recorder

HOUR = 3600.0


class Database:
    """A database whose clock is ahead of this machine's."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    async def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


def jump(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """This machine's wall clock is set to another time."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


def near(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(seconds=5)


async def test_it_shows_the_databases_time() -> None:
    clock = DatabaseClock()
    await clock.synchronise(Database(ahead=HOUR))  # type: ignore[arg-type]

    assert near(clock.now(), datetime.fromtimestamp(time.time() + HOUR, UTC))


async def test_it_follows_a_real_database(storage: Storage) -> None:
    clock = DatabaseClock()
    await clock.synchronise(storage)

    assert near(clock.now(), await storage.now())


# SC-03, in this process and until the next measurement: a jump of the wall clock moves neither
# expiry nor timers
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_jump_of_the_wall_clock_does_not_move_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock = DatabaseClock()
    await clock.synchronise(Database())  # type: ignore[arg-type]
    before, timer = clock.now(), clock.monotonic()
    jump(monkeypatch, seconds)

    assert near(clock.now(), before)
    assert 0 <= clock.monotonic() - timer < 5


# SC-03, for a database with a clock of its own: it stays right, whatever this machine thinks
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
async def test_a_jump_does_not_move_it_at_the_next_measurement_either(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock, database = DatabaseClock(), Database()
    await clock.synchronise(database)  # type: ignore[arg-type]
    before = clock.now()
    jump(monkeypatch, seconds)
    database.ahead = -seconds
    await clock.synchronise(database)  # type: ignore[arg-type]

    assert near(clock.now(), before)


async def lines_after(log: Recorder, *ahead: float) -> list[tuple[str, int]]:
    """What is logged when one measurement after the other finds the database ahead by so much."""
    clock, database = DatabaseClock(), Database()
    for seconds in ahead:
        database.ahead = seconds
        await clock.synchronise(database)  # type: ignore[arg-type]
    return [(name, round(values["seconds"])) for name, values in log.lines]


async def test_a_jump_of_the_database_is_reported(log: Recorder) -> None:
    assert ("clock_jumped", 90) in await lines_after(log, 0.0, 90.0)


async def test_a_small_difference_is_not_reported(log: Recorder) -> None:
    assert await lines_after(log, 0.0, 30.0) == []


async def test_the_first_measurement_is_no_jump(log: Recorder) -> None:
    assert "clock_jumped" not in dict(await lines_after(log, HOUR))


# SC-03: more than 60 s between this machine and the database is reported
async def test_a_distance_that_was_there_at_the_start_is_reported(log: Recorder) -> None:
    assert await lines_after(log, 90.0) == [("clock_differs", -90)]


async def test_a_distance_is_reported_when_it_begins_and_not_each_time(log: Recorder) -> None:
    assert await lines_after(log, 90.0, 90.0, 91.0, 92.0) == [("clock_differs", -90)]


async def test_a_distance_that_grows_by_as_much_again_is_reported_again(log: Recorder) -> None:
    assert await lines_after(log, 70.0, 100.0, 129.0, 135.0) == [
        ("clock_differs", -70),
        ("clock_differs", -135),
    ]


async def test_a_distance_that_was_gone_is_reported_when_it_comes_back(log: Recorder) -> None:
    assert await lines_after(log, 70.0, 30.0, 70.0) == [("clock_differs", -70)] * 2


# A database on this machine tells this machine's time.
async def test_a_jump_that_the_database_shares_comes_with_the_next_measurement(
    monkeypatch: pytest.MonkeyPatch, log: Recorder
) -> None:
    clock, database = DatabaseClock(), Database()
    await clock.synchronise(database)  # type: ignore[arg-type]
    before = clock.now()
    jump(monkeypatch, HOUR)
    await clock.synchronise(database)  # type: ignore[arg-type]

    assert near(clock.now(), before + timedelta(seconds=HOUR))
    assert [name for name, _ in log.lines] == ["clock_jumped"]


@pytest.mark.parametrize(("ahead", "ready"), [(0.0, True), (290.0, True), (310.0, False)])
async def test_more_than_five_minutes_is_not_ready(ahead: float, ready: bool) -> None:
    clock = DatabaseClock()
    await clock.synchronise(Database(ahead))  # type: ignore[arg-type]

    assert (abs(clock.skew) <= READY_SKEW) is ready


def test_times_are_aware() -> None:
    assert DatabaseClock().now().tzinfo is UTC


def test_counters_count_by_name() -> None:
    counters = Counters()
    counters.add("a")
    counters.add("a", 2)

    assert (counters.value("a"), counters.value("b"), counters.snapshot()) == (3, 0, {"a": 3})


def test_a_snapshot_is_a_copy() -> None:
    counters = Counters()
    counters.add("a")
    snapshot = counters.snapshot()
    counters.add("a")

    assert snapshot == {"a": 1}
