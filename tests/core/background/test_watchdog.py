"""The watchdog names what holds the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from agentbox.core.background import watchdog as module
from agentbox.core.background.watchdog import Watchdog
from agentbox.core.counters import Counters
from tests.core.world import Recorder


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
async def watchdog(log: Recorder, counters: Counters) -> AsyncIterator[Watchdog]:
    one = Watchdog(counters)
    one.start()
    await asyncio.sleep(0)
    yield one
    one.stop()


def a_plugin_that_blocks(counters: Counters, times: int = 1) -> None:
    """Blocks until it was noticed so many times, thirty seconds at most."""
    end = time.monotonic() + 30
    while counters.value("loop_blocked") < times and time.monotonic() < end:
        time.sleep(0.01)


# PL-03: a plugin that blocks the loop is named with its stack, and counted
async def test_a_blocking_call_is_named(
    watchdog: Watchdog, counters: Counters, log: Recorder
) -> None:
    a_plugin_that_blocks(counters)
    while not log.lines:
        await asyncio.sleep(0.001)
    name, values = log.lines[0]

    assert name == "loop_blocked"
    assert any(place.endswith("a_plugin_that_blocks") for place in values["where"])


class Standing:
    """A watchdog over a loop that gives no sign of life while the time is moved by hand."""

    def __init__(self, counters: Counters) -> None:
        self.now = 1000.0
        self.watchdog = Watchdog(counters, monotonic=lambda: self.now)

    def look_every_50_ms_until(self, seconds: float) -> None:
        while self.now < 1000.0 + seconds:
            self.now += 0.05
            self.watchdog.look()


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(("seconds", "reports"), [(0.25, 0), (0.3, 1), (60.0, 1)])
def test_a_loop_that_stands_still_is_reported_after_250_ms_and_once(
    counters: Counters, seconds: float, reports: int
) -> None:
    Standing(counters).look_every_50_ms_until(seconds - 0.01)

    assert counters.value("loop_blocked") == reports


def test_a_report_says_how_long(counters: Counters, log: Recorder) -> None:
    Standing(counters).look_every_50_ms_until(10.0)

    assert [values["seconds"] for _, values in log.lines] == [0.3]


async def test_a_second_block_is_reported_too(watchdog: Watchdog, counters: Counters) -> None:
    a_plugin_that_blocks(counters)
    await asyncio.sleep(0.06)  # a sign of life between the two
    a_plugin_that_blocks(counters, 2)

    assert counters.value("loop_blocked") == 2


async def test_a_watchdog_that_was_stopped_leaves_no_thread_and_no_timer(
    watchdog: Watchdog,
) -> None:
    watchdog.stop()

    assert "agentbox-watchdog" not in [thread.name for thread in threading.enumerate()]
