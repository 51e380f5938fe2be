"""What a server does beside its requests, started in order and stopped the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from agentbox.core.audit.refusals import Refusals
from agentbox.core.background.events import EventQueue
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.background.upkeep import once, repeat
from agentbox.core.background.watchdog import Watchdog
from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.core.recognition.last_used import LastUsed
from agentbox.plugin.job import Job
from agentbox.plugin.storage import Storage

LAST_USED_EVERY = 1.0
REFUSALS_EVERY = 1.0
CLOCK_EVERY = 10.0


def start_loops(
    stack: AsyncExitStack,
    *,
    storage: Storage,
    clock: DatabaseClock,
    events: EventQueue,
    last_used: LastUsed,
    refusals: Refusals,
) -> None:
    """Tell plugins of events, and write down each second what requests have left behind."""
    events.start()
    stack.callback(events.stop)
    stack.push_async_callback(once, "last_used", last_used.flush)
    stack.push_async_callback(once, "refusals", lambda: refusals.flush(all_of_it=True))
    loops = [
        asyncio.create_task(repeat("last_used", LAST_USED_EVERY, last_used.flush)),
        asyncio.create_task(repeat("refusals", REFUSALS_EVERY, refusals.flush)),
        asyncio.create_task(repeat("clock", CLOCK_EVERY, lambda: clock.synchronise(storage))),
    ]
    stack.push_async_callback(_cancel, loops)


async def start_jobs(
    stack: AsyncExitStack,
    jobs: Sequence[Job],
    *,
    storage: Storage,
    clock: DatabaseClock,
    counters: Counters,
) -> None:
    """Run jobs, and watch over the loop."""
    scheduler = Scheduler(jobs, storage, clock, counters)
    await scheduler.start()
    stack.push_async_callback(scheduler.stop)
    watchdog = Watchdog(counters)
    watchdog.start()
    stack.callback(watchdog.stop)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
