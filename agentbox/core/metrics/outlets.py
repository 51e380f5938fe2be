"""The way of batches to one sink, which holds up nobody but itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import structlog

from agentbox.core.counters import Counters
from agentbox.core.metrics.guarding import LEFT_ALONE, Guard
from agentbox.core.recognition.dispatch import Named
from agentbox.loader.isolation import Failure
from agentbox.model.metrics import Batch, MetricType
from agentbox.plugin.metrics import MetricSink
from agentbox.plugin.services import Clock

WAITING = 16
"""Batches that may wait for a sink; beyond them the oldest is dropped."""

PATIENCE = 10.0
"""Seconds that a sink has for one batch."""

_log = structlog.get_logger("agentbox.metrics")


class Outlet:
    """A bounded queue, and a task that empties it into the sink, one batch after the other.

    Counted as `sinks.<name>.`: `delivered`; `failed`, given and lost; `dropped`, never given;
    `left_alone`, how often it was left alone for a minute after failing three times in a row.
    Meanwhile batches wait for it as they do while it is slow.
    """

    def __init__(
        self,
        sink: Named[MetricSink],
        types: Mapping[str, MetricType],
        clock: Clock,
        counters: Counters,
        *,
        patience: float = PATIENCE,
        left_alone: float = LEFT_ALONE,
    ) -> None:
        self._name, self._sink = sink
        self._types = types
        self._counters = counters
        self._guard = Guard(clock, patience, left_alone=left_alone)
        self._waiting: deque[Batch] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = False
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The sink's."""
        return self._name

    @property
    def waiting(self) -> int:
        """How many batches wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name=f"agentbox-sink-{self._name}")

    def put(self, batch: Batch) -> None:
        """Queue a batch; never waits."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._count("dropped")
        self._waiting.append(batch)
        self._filled.set()
        self._idle.clear()

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is on its way; for ever, if the sink hangs."""
        await self._idle.wait()

    async def stop(self, within: float) -> None:
        """Deliver what waits for at most so many seconds, unless the sink is left alone just now.

        What is left then is dropped, and counted.
        """
        if self._task is None:
            return
        if not self._guard.open_for:
            drained = asyncio.create_task(self.drained())
            await asyncio.wait({drained, self._task}, timeout=within, return_when="FIRST_COMPLETED")
            drained.cancel()
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=within)
        self._count("failed", int(self._sending))
        self._count("dropped", len(self._waiting))
        self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            await asyncio.sleep(self._guard.open_for)
            await self._deliver(self._waiting.popleft())
            if not self._waiting:
                self._filled.clear()
                self._idle.set()

    async def _deliver(self, batch: Batch) -> None:
        types = {name: self._types[name] for name in {sample.type for sample in batch.samples}}
        self._sending = True
        failed = await self._guard.call(lambda: self._sink.deliver(batch, types))
        self._sending = False
        if not isinstance(failed, Failure):
            self._count("delivered")
            return
        self._count("failed")
        if self._guard.open_for:
            self._count("left_alone")
        _log.error(
            "metric_sink_failed",
            sink=self._name,
            error=type(failed.error).__name__,
            exc_info=failed.error,
        )

    def _count(self, what: str, amount: int = 1) -> None:
        if amount:
            self._counters.add(f"sinks.{self._name}.{what}", amount)
