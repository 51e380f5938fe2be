"""A sink that hangs, raises or fills up loses batches, which are counted; nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.core.metrics import outlets as module
from agentbox.core.metrics.outlets import WAITING, Outlet
from agentbox.core.recognition.dispatch import Named
from tests.core.metrics.parts import HITS, LOAD, Sink, Stubborn, batch, fail, hang
from tests.core.world import Recorder

TYPES = {kind.name: kind for kind in (LOAD, HITS)}

Make = Callable[..., Outlet]


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "_log", recorder)
    return recorder


@pytest.fixture
async def outlet(counters: Counters) -> AsyncIterator[Make]:
    """Outlets that deliver; stopped at the end."""
    made: list[Outlet] = []

    def make(sink: Sink, **limits: Any) -> Outlet:
        made.append(Outlet(Named("ex", sink), TYPES, DatabaseClock(), counters, **limits))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        await each.stop(0.01)


async def test_batches_arrive_in_their_order_with_the_types_that_occur(
    outlet: Make, counters: Counters
) -> None:
    sink = Sink()
    one = outlet(sink)
    for number in range(3):
        one.put(batch(number))

    await asyncio.wait_for(one.drained(), 10)

    assert sink.got == [batch(0), batch(1), batch(2)]
    assert sink.types[0] == {"ex_load": LOAD}
    assert counters.snapshot() == {"sinks.ex.delivered": 3}


# PL-06
async def test_a_sink_that_hangs_fills_its_queue_and_the_oldest_are_dropped(
    outlet: Make, counters: Counters
) -> None:
    going = asyncio.Event()

    async def wait() -> None:
        await going.wait()

    sink = Sink(wait)
    one = outlet(sink)
    one.put(batch(0))
    await asyncio.wait_for(sink.called.wait(), 10)
    for number in range(1, WAITING + 4):
        one.put(batch(number))

    assert counters.snapshot() == {"sinks.ex.dropped": 3}
    going.set()
    await asyncio.wait_for(one.drained(), 10)

    assert sink.got == [batch(0), *(batch(number) for number in range(4, WAITING + 4))]


# PL-06
async def test_a_batch_that_takes_too_long_is_lost_and_the_next_one_comes(
    outlet: Make, counters: Counters, log: Recorder
) -> None:
    sink = Sink(hang)
    one = outlet(sink, patience=0.02)
    one.put(batch(0))
    await asyncio.wait_for(one.drained(), 10)
    sink.do = None
    one.put(batch(1))
    await asyncio.wait_for(one.drained(), 10)

    assert sink.got == [batch(1)]
    assert counters.snapshot() == {"sinks.ex.failed": 1, "sinks.ex.delivered": 1}
    assert [(event, values["error"]) for event, values in log.lines] == [
        ("metric_sink_failed", "TimeoutError")
    ]


async def leave() -> None:
    raise SystemExit(1)


async def give_up() -> None:
    raise asyncio.CancelledError


# PL-06
@pytest.mark.parametrize("do", [fail, leave, give_up], ids=lambda do: do.__name__)
async def test_a_batch_that_the_sink_raises_over_is_lost_and_the_next_one_comes(
    do: Any, outlet: Make, counters: Counters
) -> None:
    sink = Sink(do)
    one = outlet(sink)
    one.put(batch(0))
    await asyncio.wait_for(one.drained(), 10)
    sink.do = None
    one.put(batch(1))
    await asyncio.wait_for(one.drained(), 10)

    assert sink.got == [batch(1)]
    assert counters.snapshot() == {"sinks.ex.failed": 1, "sinks.ex.delivered": 1}


async def test_after_three_failures_it_is_left_alone_and_batches_wait(
    outlet: Make, counters: Counters
) -> None:
    sink = Sink(fail)
    one = outlet(sink, left_alone=0.3)
    for number in range(3):
        one.put(batch(number))
    while not counters.value("sinks.ex.left_alone"):
        await asyncio.sleep(0.001)
    began = asyncio.get_running_loop().time()
    sink.do = None
    one.put(batch(3))
    await asyncio.wait_for(one.drained(), 10)

    assert asyncio.get_running_loop().time() - began > 0.25
    assert sink.got == [batch(3)]
    assert counters.snapshot() == {
        "sinks.ex.failed": 3,
        "sinks.ex.left_alone": 1,
        "sinks.ex.delivered": 1,
    }


async def test_a_success_forgets_the_failures_before_it(outlet: Make, counters: Counters) -> None:
    sink = Sink()
    one = outlet(sink)
    for number, do in enumerate([fail, fail, None, fail, fail, None]):
        sink.do = do
        one.put(batch(number))
        await asyncio.wait_for(one.drained(), 10)

    assert counters.value("sinks.ex.left_alone") == 0


async def test_what_waits_when_the_server_stops_is_delivered(
    outlet: Make, counters: Counters
) -> None:
    sink = Sink()
    one = outlet(sink)
    for number in range(5):
        one.put(batch(number))

    await one.stop(10)

    assert len(sink.got) == 5


async def test_a_sink_that_hangs_holds_up_the_stop_no_longer_than_it_may(
    outlet: Make, counters: Counters
) -> None:
    one = outlet(Sink(hang))
    for number in range(5):
        one.put(batch(number))

    async with asyncio.timeout(10):
        await one.stop(0.05)

    assert counters.snapshot() == {"sinks.ex.failed": 1, "sinks.ex.dropped": 4}


async def test_a_sink_that_is_left_alone_does_not_hold_up_the_stop(
    outlet: Make, counters: Counters
) -> None:
    one = outlet(Sink(fail))
    for number in range(4):
        one.put(batch(number))
    while not counters.value("sinks.ex.left_alone"):
        await asyncio.sleep(0.001)

    async with asyncio.timeout(5):
        await one.stop(60)

    assert counters.value("sinks.ex.dropped") == 1


# PL-06
async def test_a_sink_that_swallows_its_cancellation_gets_its_next_batch_once_it_has_ended(
    outlet: Make, counters: Counters
) -> None:
    stubborn = Stubborn()
    sink = Sink(stubborn.hang)
    one = outlet(sink, patience=0.02)
    one.put(batch(0))
    one.put(batch(1))
    await asyncio.wait_for(one.drained(), 10)
    lost = counters.snapshot()
    stubborn.let_go.set()
    one._guard._patience = 30.0
    one.put(batch(2))
    await asyncio.wait_for(one.drained(), 10)

    assert (lost, stubborn.begun) == ({"sinks.ex.failed": 2}, 2)
    assert sink.got == [batch(0), batch(2)]
