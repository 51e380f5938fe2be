"""Sources, sinks and runs that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from agentbox.core.metrics.measuring import Measuring
from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.plugin import MetricSink, MetricSource
from agentbox.plugin.storage import Storage, Transaction
from tests.core.world import START

INTERVAL = timedelta(seconds=30)

LOAD = MetricType(name="ex_load", unit="percent", description="A gauge.")
HITS = MetricType(name="ex_hits", unit="count", description="Hits.", kind=MetricKind.COUNTER)
SIZE = MetricType(name="ex_size", unit="MiB", description="Of each.", per_environment=True)


GIVEN = (Sample("ex_load", 1.0),)


class Source(MetricSource):
    """Gives what it was made with, or does what it was told."""

    def __init__(
        self,
        give: Any = GIVEN,
        *,
        types: Sequence[Any] = (LOAD, HITS, SIZE),
        do: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.give = give
        self.do = do
        self.asked: list[datetime] = []
        self._types = types

    @property
    def types(self) -> Sequence[MetricType]:
        return self._types

    async def collect(self, now: datetime) -> Sequence[Sample]:
        self.asked.append(now)
        if self.do is not None:
            await self.do()
        given: Sequence[Sample] = self.give
        return given


class OfProcess(Source):
    of_process = True


class Sink(MetricSink):
    """Keeps what it got, and does as it is told."""

    def __init__(self, do: Callable[[], Awaitable[None]] | None = None) -> None:
        self.do = do
        self.got: list[Batch] = []
        self.types: list[Mapping[str, MetricType]] = []
        self.called = asyncio.Event()

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        self.called.set()
        if self.do is not None:
            await self.do()
        self.got.append(batch)
        self.types.append(types)


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise OSError("no space left on device")


class Stubborn:
    """Goes on when it is cancelled, until it is let go; ends then, or raises.

    It gives in when it is cancelled again, so that a test which waits for it fails and ends.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.begun = self.cancelled = 0
        self.let_go = asyncio.Event()
        self._error = error

    async def __call__(self) -> str:
        self.begun += 1
        while not self.let_go.is_set() and self.cancelled < 2:
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        if self._error is not None:
            raise self._error
        return "done"

    async def hang(self) -> None:
        """The same, with nothing to tell."""
        await self()


def batch(number: int = 0) -> Batch:
    """The batch of a tick, one for each number."""
    return Batch(at=START + number * INTERVAL, samples=(Sample("ex_load", float(number)),))


def measuring(*sources: MetricSource, **sinks: MetricSink) -> Measuring:
    """Those open, sources as `source0` and so on."""
    result = Measuring()
    for number, source in enumerate(sources):
        result.take_source("ex", f"source{number}", source)
    for name, sink in sinks.items():
        result.take_sink("ex", name, sink)
    return result


class Run:
    """A run that no other process can take."""

    def __init__(self, storage: Storage, due: datetime, cut_after: int = 1 << 30) -> None:
        self.due = due
        self.left = cut_after
        self._storage = storage

    def transaction(self, *, last: bool = False) -> AbstractAsyncContextManager[Transaction]:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("cut short")
        return self._storage.transaction()
