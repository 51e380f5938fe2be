"""The queue between those who log and the thread that writes."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from typing import Any, Final, TextIO

from agentbox.core.logs.lines import Event, Render

MOST_WAITING: Final = 20_000
_MOST_AT_ONCE: Final = 500
_PAUSE: Final = 0.05

Describe = Callable[[Any], Event]


class LogHandle:
    """All logging of the process: a bounded queue and one thread that renders and writes.

    `submit` never blocks and never fails; what does not fit is dropped and counted, and the count
    is logged. `close` writes what is waiting. Every event gets what is `bound`; each write happens
    in `turn`, which is entered anew for each.
    """

    def __init__(
        self,
        stream: TextIO,
        render: Render,
        *,
        most_waiting: int = MOST_WAITING,
        bound: Mapping[str, Any] | None = None,
        turn: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._stream = stream
        self._render = render
        self._most_waiting = most_waiting
        self._bound = bound or {}
        self._turn = turn or nullcontext()
        self._queue: SimpleQueue[tuple[Describe, Any] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._reported = 0
        self.dropped = 0
        self.undo: Callable[[], None] = _nothing
        self._thread = threading.Thread(target=self._run, name="agentbox-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def submit(self, describe: Describe, values: Any) -> None:
        """Log `describe(values)`, worked out later by the thread; `values` must not change."""
        if self._queue.qsize() >= self._most_waiting:
            self.dropped += 1
        else:
            self._queue.put((describe, values))

    def event(self, event: Event) -> None:
        """Log an event that is ready."""
        self.submit(_itself, event)

    def close(self) -> None:
        """Write what is waiting and stop; later events are dropped."""
        if self._closing.is_set():
            return
        self.undo()
        self._closing.set()
        self._queue.put(None)
        self._thread.join(timeout=5)
        atexit.unregister(self.close)

    def _run(self) -> None:
        # Waits for the first of some lines, lets more gather, and writes them as one: a wake-up
        # and a write for each request would cost more than the line itself.
        while True:
            first = self._queue.get()
            self._closing.wait(_PAUSE)
            batch = [first, *self._waiting()]
            while batch:
                self._write([item for item in batch if item is not None])
                batch = self._waiting()
            if self._closing.is_set():
                return

    def _waiting(self) -> list[tuple[Describe, Any] | None]:
        items: list[tuple[Describe, Any] | None] = []
        try:
            while len(items) < _MOST_AT_ONCE:
                items.append(self._queue.get_nowait())
        except Empty:
            pass
        return items

    def _write(self, items: list[tuple[Describe, Any]]) -> None:
        lines = [self._line(describe, values) for describe, values in items]
        if self.dropped != self._reported:
            dropped, self._reported = self.dropped - self._reported, self.dropped
            lines.append(self._line(_itself, _warning("log_lines_dropped", lines=dropped)))
        try:
            with self._turn:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
        except (OSError, ValueError):  # a full disk, a closed pipe: the service goes on
            self.dropped += len(lines)

    def _line(self, describe: Describe, values: Any) -> str:
        try:
            event = describe(values)
            return self._render({**event, **self._bound} if self._bound else event)
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as failed:
            return self._render(_warning("log_line_failed", exception=type(failed).__name__))


def _itself(event: Event) -> Event:
    return event


def _nothing() -> None:
    return


def _warning(event: str, **values: Any) -> Event:
    return {"time": time.time(), "level": "warning", "event": event, **values}
