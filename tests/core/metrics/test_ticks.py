"""Ticks: the same moments everywhere, each of them once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from agentbox.core.clock import DatabaseClock
from agentbox.core.metrics.ticks import cron_of, each_tick, floor
from agentbox.model.formats.cron import next_after
from tests.core.world import START, ManualClock

STEP = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("after", "tick"), [(0, 0), (1, 0), (29.999999, 0), (30, 30), (59, 30), (-0.000001, -30)]
)
def test_a_tick_is_the_last_multiple_that_is_over(after: float, tick: float) -> None:
    at = floor(START + timedelta(seconds=after), STEP)
    assert at == START + timedelta(seconds=tick)


ALLOWED = [5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 300, 360, 600, 720, 900, 1200, 1800, 3600]


@pytest.mark.parametrize("seconds", ALLOWED)
def test_the_schedule_of_an_interval_is_due_at_its_ticks(seconds: int) -> None:
    interval = timedelta(seconds=seconds)
    at = START + timedelta(minutes=17, seconds=1)
    for _ in range(70):
        due = next_after(cron_of(interval), at)
        assert due == floor(at, interval) + interval
        at = due


async def test_each_tick_comes_once_and_when_it_is_due() -> None:
    clock, step = DatabaseClock(), timedelta(milliseconds=50)
    came: list[tuple[datetime, datetime]] = []
    enough = asyncio.Event()

    async def note(at: datetime) -> None:
        came.append((at, clock.now()))
        if len(came) == 6:
            enough.set()

    began = clock.now()
    ticking = asyncio.create_task(each_tick(clock, step, note))
    await asyncio.wait_for(enough.wait(), 20)
    ticking.cancel()
    await asyncio.wait({ticking})

    ticks = [at for at, _ in came]
    assert ticks == sorted(set(ticks))
    assert ticks == [floor(at, step) for at in ticks]
    assert ticks[0] > began - step
    assert all(at <= now for at, now in came)


async def test_a_step_that_takes_longer_than_a_tick_leaves_ticks_out_and_doubles_none() -> None:
    clock, step = ManualClock(), timedelta(milliseconds=20)
    came: list[datetime] = []
    enough = asyncio.Event()

    async def slow(at: datetime) -> None:
        came.append(at)
        clock.move(0.050)
        if len(came) == 3:
            enough.set()

    ticking = asyncio.create_task(each_tick(clock, step, slow))
    await asyncio.sleep(0)
    clock.move(0.020)
    await asyncio.wait_for(enough.wait(), 20)
    ticking.cancel()
    await asyncio.wait({ticking})

    assert [(at - START) // step for at in came[:3]] == [1, 3, 6]


async def test_a_clock_that_was_set_back_does_not_stop_the_ticks() -> None:
    clock, step = ManualClock(), timedelta(milliseconds=20)
    came: list[datetime] = []
    enough = asyncio.Event()

    async def note(at: datetime) -> None:
        came.append(at)
        enough.set()

    ticking = asyncio.create_task(each_tick(clock, step, note))
    await asyncio.sleep(0)
    clock.move(-3600.0)
    for _ in range(500):
        await asyncio.sleep(0.01)
        if enough.is_set():
            break
        clock.move(0.020)
    ticking.cancel()
    await asyncio.wait({ticking})

    assert came
    assert came[0] < START - timedelta(minutes=30)
