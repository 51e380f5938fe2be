"""The moments at which is measured: multiples of an interval since 1970, the same everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from agentbox.model.times import EPOCH
from agentbox.plugin.services import Clock


def floor(at: datetime, step: timedelta) -> datetime:
    """The last multiple of `step` that is not after `at`."""
    return at - (at - EPOCH) % step


def tick_of(due: datetime, now: datetime, interval: timedelta) -> datetime:
    """The tick that a run which was due then stands for.

    Runs are due an interval apart, but not at ticks: their rows may be older than a change of the
    interval. So that no two runs stand for one tick, it is worked out from when the run, or the
    last of those that were missed, was due, and not from when it came to run.
    """
    missed = max((now - due) // interval, 0)
    return floor(due + missed * interval, interval)


async def each_tick(
    clock: Clock, interval: timedelta, step: Callable[[datetime], Awaitable[None]]
) -> None:
    """Await `step` at each tick from the next one on, for ever; one that is missed is left out."""
    last = floor(clock.now(), interval)
    while True:
        wait = last + interval - clock.now()
        await asyncio.sleep(min(max(wait, timedelta(0)), interval).total_seconds())
        at = floor(clock.now(), interval)
        if at > last:
            last = at
            await step(at)
        elif last - at > interval:  # the database's clock was set back; its time is what counts
            last = at
