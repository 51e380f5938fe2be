"""What a plugin offers is told by all processes, or counted and logged as a failure of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest
import structlog

from agentbox.plugin.metrics import Family, Histogram
from agentbox_prometheus.exposition import written
from tests.core.readings.processes import Process


class Double(float):
    """As numpy.float64 is one."""


class Shard(StrEnum):
    FIRST = "1"


def family(**different: Any) -> Family:
    given: dict[str, Any] = {"name": "mine", "kind": "gauge", "description": "", "values": {(): 1}}
    return Family(**given | different)


def of_shard(shard: object) -> Family:
    return family(labels=("shard",), values={(shard,): 1.0})


def durations(*histogram: Any) -> Family:
    return family(kind="histogram", values={(): Histogram(*histogram)})


REFUSED = {
    "a number for a histogram": family(kind="histogram"),
    "a histogram for a gauge": family(
        together="largest", values={(): Histogram((1.0,), (1,), 1, 1.0)}
    ),
    "more counts than bounds": durations((1.0,), (1, 2), 2, 1.0),
    "fewer counts than bounds": durations((1.0, 2.0), (1,), 2, 1.0),
    "half a count": durations((1.0,), (0.5,), 0.5, 1.0),
    "a truth": family(values={(): True}),
    "a text": family(values={(): "1"}),
    "nothing": family(values={(): None}),
    "a float of another library": family(values={(): Double(1.0)}),
    "65 bits": family(values={(): 2**64}),
    "65 bits below 0": family(values={(): -(2**63) - 1}),
    "65 bits of counts": durations((1.0,), (2**64,), 2**64, 1.0),
    "a number for a label": of_shard(1),
    "nothing for a label": of_shard(None),
    "half a character": of_shard("\ud800"),
    "a label too few": family(labels=("shard",)),
    "a label too many": family(values={("1",): 1.0}),
    "a label that is not in a tuple": family(labels=("a",), values={"1": 1.0}),
    "no name": family(name=None),
    "no description": family(description=None),
    "another kind": family(kind="summary"),
    "another way together": family(together="least"),
    "a time that is a text": family(at="x"),
    "a time of another type": family(at=datetime.now(UTC)),
    "labels that are numbers": family(labels=(1,), values={("1",): 1.0}),
    "values that are none": family(values=5),
}

TAKEN = {
    "whole numbers": family(values={(): 3}),
    "64 bits": family(kind="counter", values={(): 2**63}),
    "below 0": family(values={(): -5}),
    "no number": family(values={(): float("nan")}),
    "without end": family(values={(): float("inf")}),
    "lists": family(labels=["shard"], values={("1",): 1.0}),
    "lists of bounds": durations([1.0], [1], 1, 1),
    "a name of a list": of_shard(Shard.FIRST),
    "a label of many characters": of_shard("größer"),
    "a mapping of another type": family(values=MappingProxyType({(): 1.0})),
    "no values": family(values={}),
    "a whole second": family(at=4_000_000_000),
}


async def told_by_two(folder: int, offered: Family) -> tuple[list[Process], list[Any]]:
    """Two processes that offer this, and what is logged."""
    processes = [Process(folder), Process(folder)]
    with structlog.testing.capture_logs() as lines:
        for process in processes:
            process.readings.offered_by("acme").offer(lambda: [offered])
            process.counters.add("refresh_reuse", 5)
            await process.readings.open()
            await process.readings.publish()
    return processes, lines


@pytest.mark.parametrize("offered", REFUSED.values(), ids=REFUSED)
async def test_what_could_not_be_told_costs_itself_alone_and_is_counted(
    folder: int, offered: Family
) -> None:
    processes, lines = await told_by_two(folder, offered)
    pages = [await process.page() for process in processes]

    assert [page["refresh_reuse"].values[()] for page in pages] == [10, 10]
    assert ["mine" in page for page in pages] == [False, False]
    assert [process.counters.value("plugin_failures.acme") for process in processes] == [2, 2]
    assert [(line["event"], line["plugin"]) for line in lines] == [
        ("readings_offer_failed", "acme")
    ] * 2


@pytest.mark.parametrize("offered", REFUSED.values(), ids=REFUSED)
async def test_processes_that_offered_it_stop_no_other_from_starting(
    folder: int, offered: Family
) -> None:
    processes, _ = await told_by_two(folder, offered)
    for process in processes:
        await process.readings.close()
    next_one = Process(folder)
    await next_one.readings.open()

    assert await next_one.reuse() == 10


@pytest.mark.parametrize("offered", TAKEN.values(), ids=TAKEN)
async def test_whatever_can_be_told_is_on_the_page_of_each(folder: int, offered: Family) -> None:
    processes, lines = await told_by_two(folder, offered)
    for process in processes:
        page = await process.page()
        assert page["mine"].values.keys() == {tuple(labels) for labels in offered.values}
        for accept in ("", "application/openmetrics-text"):
            assert b"agentbox_mine" in written(list(page.values()), accept).body

    assert lines == []


def counting(counts: dict[tuple[str, ...], float]) -> Callable[[], Sequence[Family]]:
    offered = Family(name="mine", kind="counter", description="", labels=("of",), values=counts)
    return lambda: [offered]


@pytest.mark.parametrize("first", [1, 1.0])
async def test_a_plugin_may_go_on_counting_in_what_it_has_offered(
    folder: int, first: float
) -> None:
    process = Process(folder)
    counts: dict[tuple[str, ...], float] = {("first",): first}
    process.readings.offer(counting(counts))
    (told,) = (each for each in process.readings.of_process() if each.name == "mine")
    counts["second",] = 1

    assert told.values == {("first",): 1}
