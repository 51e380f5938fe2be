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


def cron_of(interval: timedelta) -> str:
    """The schedule whose times are the ticks of an interval that the settings allow: a divisor of a
    minute, or minutes that divide an hour."""
    seconds = interval // timedelta(seconds=1)
    if seconds < 60:
        return f"*/{seconds} * * * * *"
    return f"*/{seconds // 60} * * * *" if seconds < 3600 else "0 * * * *"


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
