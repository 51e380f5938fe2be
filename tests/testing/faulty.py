"""Sources and sinks that break one promise each, to see whether the suites notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from agentbox.model.ids import new_id
from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.plugin import MetricSink, MetricSinkType, MetricSource, MetricSourceType, Services

LOAD = MetricType(name="acme_load", unit="percent", description="A gauge.")
HITS = MetricType(name="acme_hits", unit="count", description="Hits.", kind=MetricKind.COUNTER)
SIZE = MetricType(name="acme_size", unit="MiB", description="Of each.", per_environment=True)


class Good(MetricSource):
    """Keeps all promises."""

    declared: Sequence[Any] = (LOAD, HITS, SIZE)
    given: Sequence[Any] = (Sample("acme_load", 1.5), Sample("acme_hits", 2))

    @property
    def types(self) -> Sequence[MetricType]:
        return self.declared

    async def collect(self, now: datetime) -> Sequence[Sample]:
        await asyncio.sleep(0)
        return [*self.given, Sample("acme_size", 1.0, new_id())]


class ForeignNames(Good):
    declared = (MetricType(name="load", unit="percent", description=""),)
    given = (Sample("load", 1.0),)


class NoTypes(Good):
    declared = ("acme_load",)


class LongNames(Good):
    declared = (MetricType(name=f"acme_{'x' * 60}", unit="count", description=""),)


class SaidTwice(Good):
    declared = (LOAD, LOAD, HITS, SIZE)


class OfSomeProcesses(Good):
    of_process = "yes"  # type: ignore[assignment]


class Undeclared(Good):
    declared = (LOAD, SIZE)


class NotFinite(Good):
    given = (Sample("acme_load", float("nan")),)


class Infinite(Good):
    given = (Sample("acme_load", float("inf")),)


class Negative(Good):
    given = (Sample("acme_hits", -1.0),)


class Twice(Good):
    given = (Sample("acme_load", 1.0), Sample("acme_load", 2.0))


class OfNoEnvironment(Good):
    given = (Sample("acme_load", 1.0, "0" * 20),)


class OfWhatClientsSend(Good):
    given = (Sample("acme_size", 1.0, "/etc/passwd"),)


class Dicts(Good):
    given = ({"type": "acme_load", "value": 1.0},)


class Generates(Good):
    async def collect(self, now: datetime) -> Sequence[Sample]:
        return (sample for sample in self.given)  # type: ignore[return-value]


class MeasuresNothing(Good):
    async def collect(self, now: datetime) -> Sequence[Sample]:
        return ()


class RaisesTheSecondTime(Good):
    calls = 0

    async def collect(self, now: datetime) -> Sequence[Sample]:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("one at a time")
        return await super().collect(now)


class CountsTicks(Good):
    """Believes that time goes on between two calls."""

    last: datetime | None = None

    async def collect(self, now: datetime) -> Sequence[Sample]:
        if self.last is not None:
            1 / (now - self.last).total_seconds()
        self.last = now
        return await super().collect(now)


class Blocks(Good):
    async def collect(self, now: datetime) -> Sequence[Sample]:
        time.sleep(0.3)  # on purpose
        return await super().collect(now)


class Deaf(Good):
    async def collect(self, now: datetime) -> Sequence[Sample]:
        return await deaf(super().collect(now))


class ChangesTypes(Good):
    async def collect(self, now: datetime) -> Sequence[Sample]:
        self.declared = (*self.declared, MetricType(name="acme_new", unit="", description=""))
        return await super().collect(now)


class AloneSource(Good):
    """One that only one process can open."""


SOURCE_FAULTS: Mapping[type[MetricSource], str] = {
    ForeignNames: "test_a_server_takes_its_types",
    NoTypes: "test_a_server_takes_its_types",
    LongNames: "test_a_server_takes_its_types",
    SaidTwice: "test_a_server_takes_its_types",
    OfSomeProcesses: "test_a_server_takes_its_types",
    ChangesTypes: "test_its_types_stay_what_they_are",
    Undeclared: "test_it_measures_what_it_declared",
    NotFinite: "test_it_measures_what_it_declared",
    Infinite: "test_it_measures_what_it_declared",
    Negative: "test_it_measures_what_it_declared",
    Twice: "test_it_measures_what_it_declared",
    OfNoEnvironment: "test_it_measures_what_it_declared",
    OfWhatClientsSend: "test_it_measures_what_it_declared",
    Dicts: "test_it_measures_what_it_declared",
    RaisesTheSecondTime: "test_it_measures_what_it_declared",
    Generates: "test_it_gives_a_sequence",
    MeasuresNothing: "test_it_measures_something",
    CountsTicks: "test_it_measures_the_same_tick_again",
    Blocks: "test_it_leaves_the_loop_to_others",
    Deaf: "test_it_ends_when_it_is_cancelled",
    AloneSource: "test_it_is_opened_by_several_processes",
}
"""Each faulty source, and the test by which the suite must notice."""


class Takes(MetricSink):
    """Keeps all promises."""

    reachable = True

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise ConnectionRefusedError("nobody listens")
        self.take(batch, types)

    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Whatever is done with it."""


class NeedsTheCluster(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        if batch.of_process:
            raise ValueError("unexpected batch")


class NeedsTotals(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        next(sample for sample in batch.samples if sample.environment_id is None)


class NeedsRoom(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        for sample in batch.samples:
            int(sample.value).to_bytes(8, "big", signed=True)


class NeedsAscii(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        for kind in types.values():
            kind.description.encode("ascii")


class NeedsOrder(Takes):
    last: datetime | None = None

    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        assert self.last is None or batch.at >= self.last
        self.last = batch.at


class WritesTypes(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        types.pop("acme_load", None)  # type: ignore[attr-defined]


class Slow(Takes):
    def take(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        time.sleep(len(batch.samples) / 5000)  # on purpose


class DeafSink(Takes):
    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        await deaf(super().deliver(batch, types))


class BrokenByCancelling(Takes):
    busy = False

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        assert not self.busy
        self.busy = True
        await super().deliver(batch, types)
        self.busy = False


class AloneSink(Takes):
    """One that only one process can open."""


class Swallows(Takes):
    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        with suppress(OSError):
            await super().deliver(batch, types)


SINK_FAULTS: Mapping[type[MetricSink], str] = {
    NeedsTheCluster: "test_it_takes_gauges_and_counters",
    WritesTypes: "test_it_takes_gauges_and_counters",
    NeedsTotals: "test_it_takes_samples_of_environments",
    NeedsRoom: "test_it_takes_every_number",
    NeedsAscii: "test_it_takes_whatever_units_and_descriptions_say",
    NeedsOrder: "test_it_takes_ticks_again_and_late",
    Slow: "test_it_takes_large_batches_and_leaves_the_loop_to_others",
    DeafSink: "test_it_ends_when_it_is_cancelled_and_takes_the_next",
    BrokenByCancelling: "test_it_ends_when_it_is_cancelled_and_takes_the_next",
    AloneSink: "test_it_is_opened_by_several_processes",
    Swallows: "test_it_says_what_did_not_arrive",
}
"""Each faulty sink, and the test by which the suite must notice."""

ALONE = (AloneSource, AloneSink)
_open_now: set[type] = set()


async def deaf(call: Any) -> Any:
    """Goes on for a while, whatever it is told."""
    until = time.monotonic() + 4
    while time.monotonic() < until:
        try:
            await asyncio.sleep(until - time.monotonic())
        except asyncio.CancelledError:
            continue
    return await call


def opening(cls: type) -> Callable[[Services], Any]:
    """How a descriptor opens it."""

    @asynccontextmanager
    async def open_(services: Services) -> AsyncIterator[object]:
        if cls in ALONE and cls in _open_now:
            raise RuntimeError("the port is taken")
        _open_now.add(cls)
        opened = cls()
        if isinstance(opened, Takes):
            opened.reachable = services.instance_id != "unreachable"
        try:
            yield opened
        finally:
            _open_now.discard(cls)

    return open_


def source_type(cls: type) -> MetricSourceType:
    return MetricSourceType(name="acme", open=opening(cls))


def sink_type(cls: type) -> MetricSinkType:
    return MetricSinkType(name="acme", open=opening(cls))
