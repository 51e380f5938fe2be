"""Tells plugins of committed changes, from a bounded queue, in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from agentbox.core.counters import Counters
from agentbox.model.audit import AuditEvent

MAX_WAITING = 10_000

Tell = Callable[[AuditEvent], Sequence[tuple[str, BaseException]]]
"""Tells every plugin; gives those that raised."""

_log = structlog.get_logger("agentbox.events")


class EventQueue:
    """Events on their way to plugins. A full queue drops and counts; the audit is the record."""

    def __init__(self, tell: Tell, counters: Counters) -> None:
        self._tell = tell
        self._counters = counters
        self._waiting: queue.Queue[AuditEvent | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="agentbox-events", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def put(self, event: AuditEvent) -> None:
        """Queue an event; never waits."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._counters.add("events_dropped")

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._waiting.qsize()

    def stop(self, timeout: float = 2.0) -> None:
        """Tell what waits, for at most `timeout` seconds; what is left then is dropped."""
        if not self._thread.is_alive():
            return
        deadline = time.monotonic() + timeout
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=timeout)
        self._thread.join(max(0.0, deadline - time.monotonic()))
        left = sum(1 for event in list(self._waiting.queue) if event is not None)
        self._counters.add("events_dropped", left)

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            for plugin, error in self._tell(event):
                self._counters.add("event_failures")
                _log.error(
                    "event_hook_failed",
                    plugin=plugin,
                    event_name=event.event,
                    error=type(error).__name__,
                    exc_info=error,
                )
