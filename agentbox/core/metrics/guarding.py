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


class Guard:
    """A time-out, and a breaker: after three failures in a row the plugin is left alone a while."""

    def __init__(self, clock: Clock, patience: float, *, left_alone: float = LEFT_ALONE) -> None:
        self._clock = clock
        self._patience = patience
        self._left_alone = left_alone
        self._failures = 0
        self._until = 0.0

    @property
    def open_for(self) -> float:
        """Seconds that it is still to be left alone; 0 if it may be called."""
        return max(self._until - self._clock.monotonic(), 0.0)

    async def call(self, method: Callable[[], Awaitable[T]]) -> T | Failure:
        """What it gives, or what it raised, be it that it took too long. A cancellation of ours
        passes through."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await method()
        except BaseException as error:
            if is_own_cancellation(error):
                raise
            self._failures += 1
            if self._failures >= FAILURES:
                self._failures = 0
                self._until = self._clock.monotonic() + self._left_alone
            return Failure(error)
        self._failures = 0
        return answer
