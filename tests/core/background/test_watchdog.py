"""The watchdog names what holds the loop."""

from __future__ import annotations

import asyncio
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
    one = Watchdog(counters, too_long=0.05)
    one.start()
    await asyncio.sleep(0)
    yield one
    one.stop()


def a_plugin_that_blocks(counters: Counters) -> None:
    """Blocks until it was noticed, thirty seconds at most."""
    end = time.monotonic() + 30
    while not counters.value("loop_blocked") and time.monotonic() < end:
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


async def test_one_block_is_reported_once(watchdog: Watchdog, counters: Counters) -> None:
    a_plugin_that_blocks(counters)
    time.sleep(0.2)

    assert counters.value("loop_blocked") == 1


async def test_a_loop_that_only_waits_is_not_reported(
    watchdog: Watchdog, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.sleep(0.3)

    assert counters.value("loop_blocked") == 0


async def test_a_watchdog_that_was_stopped_reports_nothing(
    watchdog: Watchdog, counters: Counters
) -> None:
    watchdog.stop()
    time.sleep(0.3)

    assert counters.value("loop_blocked") == 0
