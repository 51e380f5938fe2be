"""The tick of everybody: taken once, by whoever comes first, and never again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.counters import Counters
from agentbox.core.metrics.collecting import CollectMetrics
from agentbox.core.metrics.pipeline import STOPS_WITHIN, Pipeline
from agentbox.errors import StorageError
from agentbox.model.metrics import Batch, Level, Sample
from agentbox.plugin.storage import Storage
from tests.core.background.jobs import settle
from tests.core.metrics.parts import (
    GIVEN,
    HITS,
    INTERVAL,
    LOAD,
    SIZE,
    OfProcess,
    Run,
    Sink,
    Source,
    hang,
    measuring,
)
from tests.core.world import START, ManualClock


class Collecting:
    """Notes the ticks."""

    def __init__(self) -> None:
        self.ticks: list[datetime] = []

    async def __call__(self, at: datetime) -> None:
        self.ticks.append(at)


async def run(job: CollectMetrics, storage: Storage, clock: ManualClock) -> None:
    await job.run(Run(storage, clock.now()))


async def test_a_run_stands_for_the_tick_that_was_last(
    storage: Storage, clock: ManualClock
) -> None:
    collected = Collecting()
    job = CollectMetrics(collected, INTERVAL, clock)
    clock.move(29)
    await run(job, storage, clock)
    clock.move(1)
    await run(job, storage, clock)

    assert collected.ticks == [START, START + INTERVAL]


async def test_a_run_that_somebody_asks_for_between_ticks_collects_nothing(
    storage: Storage, clock: ManualClock
) -> None:
    collected = Collecting()
    for _ in range(3):  # each of another process
        await run(CollectMetrics(collected, INTERVAL, clock), storage, clock)
        clock.move(9)

    assert collected.ticks == [START]


async def test_a_tick_is_taken_before_it_is_collected(storage: Storage, clock: ManualClock) -> None:
    """So that it is lost, and not repeated, if the process dies in between."""

    async def die(at: datetime) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        await run(CollectMetrics(die, INTERVAL, clock), storage, clock)
    collected = Collecting()
    await run(CollectMetrics(collected, INTERVAL, clock), storage, clock)

    assert collected.ticks == []
    async with storage.transaction(read_only=True) as tx:
        assert (await tx.metrics.rolled_up())[Level.RAW] == START


async def test_a_tick_that_could_not_be_taken_is_not_collected(
    storage: Storage, clock: ManualClock
) -> None:
    collected = Collecting()
    job = CollectMetrics(collected, INTERVAL, clock)

    class Refusing(Run):
        def transaction(self, *, last: bool = False) -> None:  # type: ignore[override]
            raise StorageError("another process has the job")

    with pytest.raises(StorageError):
        await job.run(Refusing(storage, clock.now()))
    assert collected.ticks == []


# SC-03
async def test_after_the_clock_was_set_back_ticks_go_on_by_it(
    storage: Storage, clock: ManualClock
) -> None:
    collected = Collecting()
    job = CollectMetrics(collected, INTERVAL, clock)
    for seconds in (0, 3600, -3600 + 30, 10, 20):
        clock.move(seconds)
        await run(job, storage, clock)

    expected = [timedelta(0), timedelta(hours=1), INTERVAL, 2 * INTERVAL]
    assert collected.ticks == [START + each for each in expected]


async def test_a_process_whose_clock_is_a_little_behind_takes_no_tick_a_second_time(
    storage: Storage, clock: ManualClock
) -> None:
    collected = Collecting()
    job = CollectMetrics(collected, INTERVAL, clock)
    for seconds in (30, -0.002):
        clock.move(seconds)
        await run(job, storage, clock)

    assert collected.ticks == [START + INTERVAL]


async def test_of_two_schedulers_one_collects_each_tick(
    storage: Storage, clock: ManualClock, counters: Counters
) -> None:
    collected = Collecting()
    schedulers = [
        Scheduler(
            [CollectMetrics(collected, INTERVAL, clock)], storage, clock, counters, poll=3600.0
        )
        for _ in range(2)
    ]
    for each in schedulers:
        await each.start()
    for _ in range(4):
        clock.move(INTERVAL.total_seconds())
        await asyncio.gather(*(each.look() for each in schedulers))
        for each in schedulers:
            await settle(each)
    for each in schedulers:
        await each.stop(timeout=0.05)

    assert collected.ticks == [START + number * INTERVAL for number in range(1, 5)]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def test_what_is_collected_reaches_every_sink_of_the_process(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    one, other = Sink(), Sink()
    pipeline = Pipeline(MetricsSettings(), clock, counters)
    pipeline.take(measuring(Source(), one=one, other=other))
    pipeline.start(stack)
    await pipeline.collect(START)
    await stack.aclose()

    assert [batch.at for batch in one.got] == [START]
    assert one.got == other.got


async def test_each_process_measures_itself_at_each_tick(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    source, sink = OfProcess(), Sink()
    pipeline = Pipeline(MetricsSettings(collection_interval=timedelta(seconds=5)), clock, counters)
    pipeline.take(measuring(source, sink=sink))
    clock.move(4.99)
    pipeline.start(stack)
    await asyncio.sleep(0)  # so that it waits for the next tick, which is near
    clock.move(0.02)
    async with asyncio.timeout(20):
        await sink.called.wait()

    assert [(batch.at, batch.of_process) for batch in sink.got] == [
        (START + timedelta(seconds=5), True)
    ]


async def test_what_was_counted_since_the_last_tick_is_handed_on_before_all_stops(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    everybodys = Source(types=(SIZE,))
    source, sink = OfProcess((*GIVEN, Sample("ex_hits", 4.0)), types=(LOAD, HITS)), Sink()
    pipeline = Pipeline(MetricsSettings(), clock, counters)
    pipeline.take(measuring(source, everybodys, sink=sink))
    pipeline.start(stack)
    clock.move(12.7)
    await stack.aclose()

    at = START + timedelta(seconds=12)
    assert everybodys.asked == []
    assert sink.got == [Batch(at=at, samples=(Sample("ex_hits", 4.0),), of_process=True)]


async def test_a_tick_that_is_under_way_when_all_stops_is_handed_on(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await go_on.wait()

    source, sink = OfProcess((Sample("ex_hits", 4.0),), do=slow), Sink()
    pipeline = Pipeline(MetricsSettings(collection_interval=timedelta(seconds=5)), clock, counters)
    pipeline.take(measuring(source, sink=sink))
    clock.move(4.99)
    pipeline.start(stack)
    await asyncio.sleep(0)
    clock.move(0.02)
    async with asyncio.timeout(20):
        await asked.wait()
    stopping = asyncio.create_task(stack.aclose())
    await asyncio.sleep(0)
    go_on.set()
    await stopping

    assert [batch.at for batch in sink.got] == [START + timedelta(seconds=5)] * 2


async def test_a_source_that_hangs_holds_up_no_stop(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    pipeline = Pipeline(MetricsSettings(), clock, counters)
    pipeline.take(measuring(OfProcess(do=hang), sink=Sink()))
    before = asyncio.all_tasks()
    pipeline.start(stack)

    async with asyncio.timeout(STOPS_WITHIN + 8):  # a source has 10 s at a tick
        await stack.aclose()

    assert asyncio.all_tasks() == before


async def test_a_tick_without_samples_is_no_batch(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    sink = Sink()
    pipeline = Pipeline(MetricsSettings(), clock, counters)
    pipeline.take(measuring(Source(()), sink=sink))
    pipeline.start(stack)
    await pipeline.collect(START)
    await stack.aclose()

    assert sink.got == []


async def test_where_metrics_are_off_nothing_runs_but_what_keeps_and_deletes(
    clock: ManualClock, counters: Counters, stack: AsyncExitStack
) -> None:
    before = asyncio.all_tasks()
    pipeline = Pipeline(MetricsSettings(enabled=False), clock, counters)
    pipeline.start(stack)

    assert asyncio.all_tasks() == before
    assert [job.name for job in pipeline.jobs()] == ["roll-up-metrics", "purge-metrics"]
