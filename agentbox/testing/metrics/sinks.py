"""The suite for sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import pytest
import pytest_asyncio

from agentbox.model.ids import new_id
from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from agentbox.plugin import MetricSink, Services
from agentbox.testing.metrics.offered import (
    LONGEST_TURN,
    OfferedSink,
    ends_when_cancelled,
    in_time,
    longest_turn,
)
from agentbox.testing.metrics.suite import MetricSuite

TICK: Final = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
STEP: Final = timedelta(seconds=30)
ENVIRONMENTS: Final = 1000

LOAD: Final = MetricType(name="acme_load", unit="percent", description="A gauge.")
HITS: Final = MetricType(
    name="acme_hits", unit="count", description="A counter.", kind=MetricKind.COUNTER
)
SIZE: Final = MetricType(name="acme_size", unit="MiB", description="Of each.", per_environment=True)
STARTS: Final = MetricType(
    name="acme_starts",
    unit="count",
    description="Of each, counted.",
    kind=MetricKind.COUNTER,
    per_environment=True,
)
STRANGE: Final = MetricType(
    name=f"acme_{'x' * 59}",
    unit='µ/"s" {a b}',
    description='Says "yes"\nand \\ and \u2028 and 日本.',
)
_TYPES: Final = {kind.name: kind for kind in (LOAD, HITS, SIZE, STARTS, STRANGE)}

VALUES: Final = (0, 0.0, -0.0, 7, 0.1, -2.5, 1e-300, 1e21, -1e200, 2**53 + 1)


class MetricSinkSuite(MetricSuite):
    """Every promise of a sink.

    ```python
    class TestMySink(MetricSinkSuite):
        @pytest.fixture
        def offered(self, server):
            return OfferedSink(
                type=ACME_SINK,
                services=lambda: PlainServices("acme", AcmeOptions(port=server.port)),
                unreachable=lambda: PlainServices("acme", AcmeOptions(port=9)),
            )
    ```

    Whether samples arrive as they were sent only you can tell: add tests for it.
    """

    @pytest.fixture
    def offered(self) -> OfferedSink:
        """Override this one."""
        raise NotImplementedError("a subclass of MetricSinkSuite overrides the fixture `offered`")

    @pytest_asyncio.fixture
    async def sink(self, offered: OfferedSink) -> AsyncIterator[MetricSink]:
        """Open."""
        async with _open(offered, offered.services()) as sink:
            yield sink

    @pytest.mark.parametrize("of_process", [False, True])
    async def test_it_takes_gauges_and_counters(self, sink: MetricSink, of_process: bool) -> None:
        samples = Sample("acme_load", 12.5), Sample("acme_hits", 3)
        await _deliver(sink, *samples, of_process=of_process)

    async def test_it_takes_samples_of_environments(self, sink: MetricSink) -> None:
        one, other = new_id(), new_id()
        await _deliver(
            sink,
            Sample("acme_size", 3.0),
            Sample("acme_size", 1.0, one),
            Sample("acme_size", 2.0, other),
            Sample("acme_starts", 2.0, one),
        )
        await _deliver(sink, Sample("acme_size", 1.0, new_id()))

    @pytest.mark.parametrize("value", VALUES)
    async def test_it_takes_every_number(self, sink: MetricSink, value: float) -> None:
        await _deliver(sink, Sample("acme_load", value), Sample("acme_hits", abs(value)))

    async def test_it_takes_whatever_units_and_descriptions_say(self, sink: MetricSink) -> None:
        await _deliver(sink, Sample(STRANGE.name, 1.0))

    async def test_it_takes_ticks_again_and_late(self, sink: MetricSink) -> None:
        for at in (TICK, TICK, TICK + STEP, TICK - 100 * STEP, TICK + 2 * STEP):
            for of_process in (False, True):
                await _deliver(sink, Sample("acme_hits", 1.0), at=at, of_process=of_process)

    async def test_it_takes_large_batches_and_leaves_the_loop_to_others(
        self, sink: MetricSink
    ) -> None:
        names = [new_id() for _ in range(ENVIRONMENTS)]
        samples = [
            Sample(kind, float(number), name)
            for kind in ("acme_size", "acme_starts")
            for number, name in enumerate(names)
        ]
        batch = Batch(at=TICK, samples=tuple(samples))
        types = _types_of(batch)
        turn = await longest_turn(lambda: sink.deliver(batch, types), "deliver")
        assert turn < LONGEST_TURN, f"deliver held the loop for {turn:.2f} s; do less at once"

    async def test_it_ends_when_it_is_cancelled_and_takes_the_next(self, sink: MetricSink) -> None:
        batch = Batch(at=TICK, samples=(Sample("acme_load", 1.0),))
        ended = await ends_when_cancelled(lambda: sink.deliver(batch, _types_of(batch)))
        assert ended, "deliver goes on although it was cancelled"
        await _deliver(sink, Sample("acme_load", 2.0), at=TICK + STEP)

    async def test_it_is_opened_by_several_processes(self, offered: OfferedSink) -> None:
        async with _open(offered, offered.services()) as first:
            async with _open(offered, offered.services()) as second:
                await _deliver(second, Sample("acme_load", 1.0))
            await _deliver(first, Sample("acme_load", 1.0))

    async def test_it_says_what_did_not_arrive(self, offered: OfferedSink) -> None:
        """What is not raised is counted as delivered, and nobody hears of the loss."""
        if offered.unreachable is None:
            return  # what it delivers to can't be away
        async with _open(offered, offered.unreachable()) as sink:
            with pytest.raises(Exception, match=r"(?s).*"):
                await _deliver(sink, Sample("acme_load", 1.0))


@asynccontextmanager
async def _open(offered: OfferedSink, services: Services) -> AsyncIterator[MetricSink]:
    async with offered.type.open(services) as opened:
        assert isinstance(opened, MetricSink), f"{type(opened).__name__} is no MetricSink"
        yield opened


async def _deliver(
    sink: MetricSink, *samples: Sample, at: datetime = TICK, of_process: bool = False
) -> None:
    batch = Batch(at=at, samples=samples, of_process=of_process)
    await in_time(sink.deliver(batch, _types_of(batch)), "deliver")


def _types_of(batch: Batch) -> MappingProxyType[str, MetricType]:
    """Those that occur, and not to be changed."""
    return MappingProxyType({sample.type: _TYPES[sample.type] for sample in batch.samples})
