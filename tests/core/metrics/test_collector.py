"""A source that fails is missing from the batch, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.counters import Counters
from agentbox.core.metrics import collector as module
from agentbox.core.metrics.collector import Collector
from agentbox.model.metrics import MetricType, Sample
from tests.core.metrics.parts import OfProcess, Source, Stubborn, fail, hang, measuring
from tests.core.world import START, ManualClock, Recorder

OTHER = MetricType(name="ex_other", unit="count", description="Of another source.")


def other(value: float = 7.0) -> Source:
    return Source((Sample("ex_other", value),), types=(OTHER,))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


def collecting(*sources: Source, clock: ManualClock, counters: Counters) -> Collector:
    return Collector(
        measuring(*sources).sources, clock, counters, patience=timedelta(milliseconds=50)
    )


async def test_a_batch_has_the_samples_of_all_sources_of_its_kind(
    clock: ManualClock, counters: Counters
) -> None:
    one = collecting(Source(), other(), clock=clock, counters=counters)

    batch = await one.collect(START, of_process=False)

    assert batch.at == START
    assert batch.samples == (Sample("ex_load", 1.0), Sample("ex_other", 7.0))
    assert batch.of_process is False


async def test_what_processes_measure_for_themselves_is_a_batch_of_its_own(
    clock: ManualClock, counters: Counters
) -> None:
    process = OfProcess()
    one = collecting(process, other(), clock=clock, counters=counters)

    batch = await one.collect(START, of_process=True)

    assert (batch.samples, batch.of_process) == ((Sample("ex_load", 1.0),), True)
    assert (await one.collect(START, of_process=False)).samples == (Sample("ex_other", 7.0),)
    assert len(process.asked) == 1


async def give_up() -> None:
    raise asyncio.CancelledError


async def leave() -> None:
    raise SystemExit(1)


# PL-06
@pytest.mark.parametrize("do", [fail, hang, give_up, leave], ids=lambda do: do.__name__)
async def test_a_source_that_fails_is_missing_logged_and_counted(
    do: Any, clock: ManualClock, counters: Counters, log: Recorder
) -> None:
    one = collecting(Source(do=do), other(), clock=clock, counters=counters)

    batch = await one.collect(START, of_process=False)

    assert batch.samples == (Sample("ex_other", 7.0),)
    assert counters.snapshot() == {"sources.source0.failed": 1}
    assert [event for event, _ in log.lines] == ["metric_source_failed"]


@pytest.mark.parametrize(
    "given",
    [None, 7, {Sample("ex_load", 1.0)}, (x for x in ())],
    ids=["none", "number", "set", "generator"],
)
async def test_a_source_that_gives_no_sequence_has_failed(
    given: Any, clock: ManualClock, counters: Counters, log: Recorder
) -> None:
    one = collecting(Source(given), other(), clock=clock, counters=counters)

    assert (await one.collect(START, of_process=False)).samples == (Sample("ex_other", 7.0),)
    assert counters.value("sources.source0.failed") == 1


async def test_samples_that_are_refused_are_counted_and_logged_once_a_tick(
    clock: ManualClock, counters: Counters, log: Recorder
) -> None:
    bad = [Sample("ex_load", float("nan")), Sample("never_said", 1.0), Sample("ex_hits", 2.0)]
    one = collecting(Source(bad), clock=clock, counters=counters)

    assert (await one.collect(START, of_process=False)).samples == (Sample("ex_hits", 2.0),)
    assert counters.snapshot() == {"sources.source0.refused": 2}
    (line,) = log.lines
    assert line == (
        "metric_samples_refused",
        {"source": "source0", "samples": 2, "first": "ex_load is no finite number"},
    )


async def test_a_source_that_fails_three_times_is_left_alone_for_a_minute(
    clock: ManualClock, counters: Counters, log: Recorder
) -> None:
    broken = Source(do=fail)
    one = collecting(broken, clock=clock, counters=counters)

    for _ in range(5):
        await one.collect(START, of_process=False)
    assert len(broken.asked) == 3
    assert counters.value("sources.source0.left_alone") == 2

    broken.do = None
    clock.move(60.1)
    assert (await one.collect(START, of_process=False)).samples == (Sample("ex_load", 1.0),)


async def test_a_collection_that_is_cancelled_ends(clock: ManualClock, counters: Counters) -> None:
    one = Collector(measuring(Source(do=hang)).sources, clock, counters)
    task = asyncio.create_task(one.collect(START, of_process=False))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert counters.snapshot() == {}


# PL-06
async def test_a_source_that_swallows_its_cancellation_holds_up_no_other(
    clock: ManualClock, counters: Counters, log: Recorder
) -> None:
    stubborn = Stubborn()
    one = collecting(Source(do=stubborn.hang), other(), clock=clock, counters=counters)

    async with asyncio.timeout(10):
        batches = [await one.collect(START, of_process=False) for _ in range(2)]
    stubborn.let_go.set()

    assert [batch.samples for batch in batches] == [(Sample("ex_other", 7.0),)] * 2
    assert (stubborn.begun, counters.value("sources.source0.failed")) == (1, 2)
