"""Ticks: the same moments everywhere, each of them once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from agentbox.core.clock import DatabaseClock
from agentbox.core.metrics.ticks import each_tick, floor, tick_of
from tests.core.world import START, ManualClock

STEP = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("after", "tick"), [(0, 0), (1, 0), (29.999999, 0), (30, 30), (59, 30), (-0.000001, -30)]
)
def test_a_tick_is_the_last_multiple_that_is_over(after: float, tick: float) -> None:
    at = floor(START + timedelta(seconds=after), STEP)
    assert at == START + timedelta(seconds=tick)


def test_a_run_stands_for_the_tick_it_was_due_in_though_it_runs_late() -> None:
    due = START + 29 * SECOND
    assert tick_of(due, due + 2 * SECOND, STEP) == START


def test_after_missed_runs_it_stands_for_the_last_of_them() -> None:
    due = START + 29 * SECOND
    assert tick_of(due, due + 10 * STEP + SECOND, STEP) == START + 10 * STEP


@pytest.mark.parametrize("offset", [0, 1, 17, 29])
def test_no_two_runs_stand_for_one_tick_whenever_they_come_to_run(offset: int) -> None:
    due, ticks = START + offset * SECOND, []
    for late in (0.0, 1.9, 0.4, 29.9, 0.0, 95.0, 3.0, 0.0):
        now = due + timedelta(seconds=late)
        ticks.append(tick_of(due, now, STEP))
        due += ((now - due) // STEP + 1) * STEP  # when the scheduler has it due next
    assert ticks == sorted(set(ticks))
    assert len(ticks) == 8


def test_a_run_before_its_time_stands_for_no_tick_to_come() -> None:
    assert tick_of(START, START - SECOND, STEP) == START


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
