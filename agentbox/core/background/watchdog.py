"""Names what blocks the event loop. It can't stop it: Python code can't be pre-empted."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable

import structlog

from agentbox.core.counters import Counters

TOO_LONG = 0.25
"""Seconds that the loop may stand still before it is reported."""

_BEAT = 0.05
"""Seconds between two signs of life, and between two looks for one."""

_log = structlog.get_logger("agentbox.watchdog")


class Watchdog:
    """A thread that looks whether the loop still turns, and shows the stack that holds it."""

    def __init__(
        self, counters: Counters, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._counters = counters
        self._monotonic = monotonic
        self._beat = monotonic()
        self._reported = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="agentbox-watchdog", daemon=True)
        self._loop_thread = threading.get_ident()
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop."""
        self._loop_thread = threading.get_ident()
        self._turn(asyncio.get_running_loop())
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.cancel()
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat = self._monotonic()
        self._handle = loop.call_later(_BEAT, self._turn, loop)

    def look(self) -> None:
        """Report the loop if it gave no sign of life for too long, once until its next one."""
        beat = self._beat
        still = self._monotonic() - beat
        if still > TOO_LONG and beat != self._reported:
            self._reported = beat
            self._report(still)

    def _watch(self) -> None:
        while not self._stopped.wait(_BEAT):
            self.look()

    def _report(self, still: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        stack = traceback.extract_stack(frame) if frame is not None else traceback.StackSummary()
        self._counters.add("loop_blocked")
        _log.warning(
            "loop_blocked",
            seconds=round(still, 3),
            where=[f"{entry.filename}:{entry.lineno} {entry.name}" for entry in stack[-8:]],
        )
