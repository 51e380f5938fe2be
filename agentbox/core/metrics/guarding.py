"""Awaiting sources and sinks so that whatever they do is nobody's business but theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agentbox.core.recognition.dispatch import is_own_cancellation
from agentbox.loader.isolation import Failure
from agentbox.plugin.services import Clock

T = TypeVar("T")

FAILURES = 3
LEFT_ALONE = 60.0
"""Seconds."""

CLEARS_UP_WITHIN = 1.0
"""Seconds that a plugin has to clear up what we cancel ourselves, as when the server stops."""


class Guard:
    """A time-out, and a breaker: after three failures in a row the plugin is left alone a while.

    What goes on although it was cancelled is left to itself, and nothing is begun anew before it
    has ended: so there is never more of it than there were calls at one time.
    """

    def __init__(self, clock: Clock, patience: float, *, left_alone: float = LEFT_ALONE) -> None:
        self._clock = clock
        self._patience = patience
        self._left_alone = left_alone
        self._failures = 0
        self._until = 0.0
        self._left: set[asyncio.Task[object]] = set()

    @property
    def open_for(self) -> float:
        """Seconds that it is still to be left alone; 0 if it may be called."""
        return max(self._until - self._clock.monotonic(), 0.0)

    async def call(self, method: Callable[[], Awaitable[T]]) -> T | Failure:
        """What it gives, or what it raised, be it that it took too long. A cancellation of ours
        passes through."""
        answer = await self._within_patience(method)
        if not isinstance(answer, Failure):
            self._failures = 0
            return answer
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._until = self._clock.monotonic() + self._left_alone
        return answer

    async def _within_patience(self, method: Callable[[], Awaitable[T]]) -> T | Failure:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        if self._left:
            # Most end at once, and only have to be given a turn.
            _, left = await asyncio.wait(self._left, timeout=self._patience)
            if left:
                return Failure(TimeoutError("what it began before goes on still"))
        # In a task of its own: whoever awaits a plugin waits for as long as it likes, also after
        # the plugin was cancelled.
        task = asyncio.create_task(_tried(method), name="agentbox-guarded")
        try:
            await asyncio.wait({task}, timeout=deadline - loop.time())
        except asyncio.CancelledError:
            self._leave(task)
            await asyncio.wait({task}, timeout=CLEARS_UP_WITHIN)
            raise
        if task.done():
            return task.result()
        self._leave(task)
        return Failure(TimeoutError())

    def _leave(self, task: asyncio.Task[T | Failure]) -> None:
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        task.cancel()


async def _tried(method: Callable[[], Awaitable[T]]) -> T | Failure:
    """Nothing that it raises is left for the loop to report, or to end by."""
    try:
        return await method()
    except BaseException as error:
        if is_own_cancellation(error):
            raise
        return Failure(error)
