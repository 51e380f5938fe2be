"""Jobs of every process: by its own timer, without a row."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentbox.core.background.everywhere import Timer
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.errors import StorageError
from agentbox.plugin.job import JobRun
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import MINUTE, Work, hang
from tests.core.world import START, ManualClock


class Own(Work):
    everywhere = True
    interval = timedelta(milliseconds=5)


class Impatient(Own):
    timeout = timedelta(milliseconds=5)


class Spread(Own):
    interval = MINUTE
    jitter = timedelta(seconds=30)


class OnTheMinute(Own):
    interval = None
    cron = "* * * * *"


async def until(job: Work, runs: int) -> None:
    async with asyncio.timeout(20):
        while len(job.runs) < runs:
            await asyncio.sleep(0.001)


async def test_each_process_runs_it_and_no_row_is_made(storage: Storage, second: Storage) -> None:
    jobs = [Own(), Own()]
    both = [
        Scheduler([job], one, DatabaseClock(), Counters(), poll=60)
        for job, one in zip(jobs, (storage, second), strict=True)
    ]
    for one in both:
        await one.start()
    for job in jobs:
        await until(job, 3)
    for one in both:
        await one.stop()
    async with storage.transaction(read_only=True) as tx:
        assert list(await tx.jobs.list()) == []


async def test_it_never_overlaps_itself(storage: Storage) -> None:
    running, most = 0, 0

    async def slow(_: JobRun) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    job = Own(slow)
    one = Scheduler([job], storage, DatabaseClock(), Counters())
    await one.start()
    await until(job, 4)
    await one.stop()

    assert (most, running) == (1, 0)


# SC-02: for jobs of every process too
@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(1), asyncio.CancelledError(), StorageError("x")], ids=repr
)
async def test_one_that_raises_runs_again_and_stops_no_other(
    storage: Storage, error: BaseException
) -> None:
    async def fail(_: JobRun) -> None:
        raise error

    class Other(Own):
        name = "other"

    failing, other, counters = Own(fail), Other(), Counters()
    one = Scheduler([failing, other], storage, DatabaseClock(), counters)
    await one.start()
    await until(failing, 2)
    await until(other, 2)
    await one.stop()

    assert counters.value("jobs.work.failed") >= 2
    assert one.here["work"].last_outcome == "failed"


async def test_one_that_hangs_is_ended_at_its_time_out(storage: Storage) -> None:
    job, counters = Impatient(hang), Counters()
    one = Scheduler([job], storage, DatabaseClock(), counters)
    await one.start()
    await until(job, 2)
    await one.stop()

    assert counters.value("jobs.work.timeout") >= 1


async def test_it_writes_and_its_last_transaction_is_the_last(storage: Storage) -> None:
    errors: list[StorageError] = []

    async def write(run: JobRun) -> None:
        async with run.transaction() as tx:
            await tx.markers.claim("first", "x")
        async with run.transaction(last=True) as tx:
            await tx.markers.claim("second", "x")
        try:
            run.transaction()
        except StorageError as error:
            errors.append(error)

    job = Own(write)
    one = Scheduler([job], storage, DatabaseClock(), Counters())
    await one.start()
    await until(job, 1)
    await one.stop()
    async with storage.transaction(read_only=True) as tx:
        assert [await tx.markers.get(name) for name in ("first", "second")] == ["x", "x"]
    assert errors


async def test_stopping_waits_for_it_up_to_a_limit(storage: Storage) -> None:
    go, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: JobRun) -> None:
        await go.wait()
        ended.set()

    job = Own(wait)
    one = Scheduler([job], storage, DatabaseClock(), Counters())
    await one.start()
    await until(job, 1)
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0.02)
    waited = not stopping.done()
    go.set()
    await stopping

    assert (waited, ended.is_set(), len(job.runs)) == (True, True, 1)


async def test_stopping_cancels_one_that_does_not_end(storage: Storage) -> None:
    job, counters = Own(hang), Counters()
    one = Scheduler([job], storage, DatabaseClock(), counters)
    await one.start()
    await until(job, 1)
    await one.stop(timeout=0.05)

    assert counters.value("jobs.work.cancelled") == 1


# SC-03: an interval is counted by the monotonic clock
def test_a_jump_of_the_wall_clock_does_not_move_a_timer() -> None:
    clock = TwoClocks()
    timer = Timer(Own(), clock)
    clock.wall += 3600

    assert timer.wait() == pytest.approx(0.005)
    clock.wall -= 7200
    clock.mono += 0.005
    assert timer.wait() == pytest.approx(0.005)


def test_a_timer_keeps_its_rhythm_and_makes_up_for_nothing() -> None:
    clock = ManualClock()
    timer = Timer(Spread(), clock)
    waits = [timer.wait()]
    clock.move(60 + 13)
    waits.append(timer.wait())
    clock.instant = START + 10 * MINUTE + timedelta(seconds=1)
    waits.append(timer.wait())

    assert [60 <= waits[0] <= 90, 47 <= waits[1] <= 77, 59 <= waits[2] <= 89] == [True] * 3


def test_cron_is_followed_by_the_clock_of_the_database() -> None:
    clock = ManualClock()
    clock.move(20)
    timer = Timer(OnTheMinute(), clock)
    waits = [timer.wait()]
    clock.move(39.9)  # a timer may be a little early
    waits.append(timer.wait())

    assert waits == pytest.approx([40, 60.1])


# SC-03
@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=400)], ids=str)
def test_after_a_clock_was_ahead_cron_goes_on_by_what_it_says_now(ahead: timedelta) -> None:
    clock = TwoClocks()
    timer = Timer(OnTheMinute(), clock)
    assert timer.wait() == 60
    clock.mono, clock.wall = clock.mono + 60, clock.wall + ahead.total_seconds()
    assert timer.wait() == 60
    clock.mono, clock.wall = clock.mono + 60, 0

    assert timer.wait() == 60
    clock.mono, clock.wall = clock.mono + 59.9, 59.9  # a timer may be a little early
    assert timer.wait() == pytest.approx(60.1)


class TwoClocks:
    """A wall clock and a monotonic one, moved apart from each other."""

    def __init__(self) -> None:
        self.wall = self.mono = 0.0

    def now(self) -> object:
        return START + timedelta(seconds=self.wall)

    def monotonic(self) -> float:
        return self.mono
