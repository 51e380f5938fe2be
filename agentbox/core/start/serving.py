"""What a server does beside its requests, started in order and stopped the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from agentbox.core.background.upkeep import once, repeat
from agentbox.core.background.watchdog import Watchdog
from agentbox.core.readings.gauges import gauges
from agentbox.core.readings.readings import PUBLISH_EVERY

if TYPE_CHECKING:
    from agentbox.core.runtime import Runtime

CLOCK_EVERY = 10.0


async def serve(runtime: Runtime, stack: AsyncExitStack) -> None:
    """Start what only a server does; the stack stops it, last started first."""
    runtime.events.start()
    stack.callback(runtime.events.stop)
    stack.push_async_callback(once, "last_used", runtime.last_used.flush)
    stack.push_async_callback(once, "refusals", lambda: runtime.refusals.flush(all_of_it=True))
    loops = [
        asyncio.create_task(
            repeat("clock", CLOCK_EVERY, lambda: runtime.clock.synchronise(runtime.storage))
        ),
    ]
    stack.push_async_callback(_cancel, loops)
    runtime.readings.offer(partial(gauges, runtime))
    await runtime.readings.open()
    stack.push_async_callback(runtime.readings.close)
    publishing = repeat("readings", PUBLISH_EVERY, runtime.readings.publish)
    stack.push_async_callback(_cancel, [asyncio.create_task(publishing)])
    runtime.pipeline.start(stack)
    await runtime.scheduling.scheduler.start()
    stack.push_async_callback(runtime.scheduling.scheduler.stop)
    watchdog = Watchdog(runtime.counters)
    watchdog.start()
    stack.callback(watchdog.stop)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
