"""What an author's suite is about, and how long it may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from agentbox.plugin import MetricSinkType, MetricSourceType, Services
from agentbox.testing.services import PlainServices

PATIENCE: Final = 10.0
"""Seconds that a server has for one call."""

LONGEST_TURN: Final = 0.25
"""Seconds that one step on the event loop may take; a server names what takes longer."""

ATTEMPTS: Final = 3
"""Of what a busy machine may slow down, the best counts."""


class OfferedSource(Struct, frozen=True, kw_only=True):
    """A source as your plugin offers it: `plugin` is your entry point; `services` makes what it is
    opened with, anew for each test."""

    plugin: str
    type: MetricSourceType
    services: Callable[[], Services] = PlainServices


class OfferedSink(Struct, frozen=True, kw_only=True):
    """A sink as your plugin offers it; `services` makes what it is opened with, anew for each test.

    `unreachable` makes services with which what it delivers to can't be reached, if it is
    somewhere else.
    """

    type: MetricSinkType
    services: Callable[[], Services] = PlainServices
    unreachable: Callable[[], Services] | None = None


async def in_time(awaited: Awaitable[Any], what: str) -> Any:
    """What it gives. Fails after `PATIENCE`."""
    task = asyncio.ensure_future(awaited)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        raise AssertionError(f"{what} took longer than {PATIENCE:g} s")
    return task.result()


async def longest_turn(call: Callable[[], Awaitable[object]], what: str) -> float:
    """How long everybody else had to wait at most while it was called; the best of some calls."""
    return min([await _longest_turn(call, what) for _ in range(ATTEMPTS)])


async def _longest_turn(call: Callable[[], Awaitable[object]], what: str) -> float:
    task = asyncio.ensure_future(in_time(call(), what))
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return longest


async def ends_when_cancelled(call: Callable[[], Awaitable[object]]) -> bool:
    """Whether it ends soon after it is told to, at several points of its way."""
    for turns in range(4):
        task = asyncio.ensure_future(call())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=2)
        if not done:
            return False
        task.cancelled() or task.exception()
    return True
