"""What a process tells of itself, and what plugins offer to be told besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import structlog

from agentbox.core.counters import Counters
from agentbox.core.readings.readings import ServerReadings
from agentbox.core.readings.requests import RequestCounts
from agentbox.core.readings.sharing import SharedReadings
from agentbox.plugin.metrics import Family
from tests.live import ShiftedClock

INTERVAL = timedelta(seconds=30)


def readings(
    counters: Counters | None = None,
    clock: ShiftedClock | None = None,
    shared: SharedReadings | None = None,
) -> ServerReadings:
    return ServerReadings(
        counters or Counters(), RequestCounts(), clock or ShiftedClock(), INTERVAL, shared
    )


def named(families: Sequence[Family]) -> dict[str, Family]:
    return {family.name: family for family in families}


def offering(name: str, value: float, at: float | None = None) -> Callable[[], list[Family]]:
    def offer() -> list[Family]:
        return [Family(name=name, kind="gauge", description="", values={(): value}, at=at)]

    return offer


def test_what_is_offered_is_told_but_not_in_the_place_of_ours() -> None:
    told = readings()
    told.offer(offering("mine", 1.0))
    told.offer(offering("mine", 2.0))
    told.offer(offering("refresh_reuse", 99.0))

    assert named(told.of_process())["mine"].values[()] == 1.0
    assert named(told.of_process())["refresh_reuse"].values[()] == 0


def raising() -> list[Family]:
    raise RuntimeError("a plugin")


def exiting() -> list[Family]:
    raise SystemExit(3)


def breaking_off() -> Iterator[Family]:
    yield from offering("mine", 5.0)()
    raise RuntimeError("a plugin")


def strange() -> list[Any]:
    return ["mine"]


def misfitting() -> list[Family]:
    return [Family(name="mine", kind="gauge", description="", labels=("of",), values={(): 5.0})]


@pytest.mark.parametrize("broken", [raising, exiting, breaking_off, strange, misfitting])
async def test_an_offer_that_breaks_costs_itself_alone_and_is_counted(
    broken: Callable[[], Any],
) -> None:
    counters = Counters()
    told = readings(counters)
    told.offered_by("acme").offer(broken)
    told.offered_by("other").offer(offering("mine", 1.0))

    for number in range(1, 4):
        assert named(await told.of_server())["mine"].values == {(): 1.0}
        assert counters.value("plugin_failures.acme") == number
    assert counters.value("plugin_failures.other") == 0


def test_an_offer_that_breaks_is_logged_once_until_it_works_again() -> None:
    given = iter([raising, raising, offering("mine", 1.0), raising, raising])
    told = readings()
    told.offered_by("acme").offer(lambda: next(given)())

    with structlog.testing.capture_logs() as lines:
        seen = ["mine" in named(told.of_process()) for _ in range(5)]

    assert seen == [False, False, True, False, False]
    assert [(line["event"], line["plugin"]) for line in lines] == [
        ("readings_offer_failed", "acme")
    ] * 2


def test_what_was_measured_three_intervals_ago_is_told_no_more() -> None:
    clock = ShiftedClock()
    told = readings(clock=clock)
    told.offer(offering("mine", 1.0, clock.now().timestamp()))
    fresh = "mine" in named(told.of_process())
    clock.advance(3 * 30 + 1)

    assert fresh
    assert "mine" not in named(told.of_process())


async def test_one_process_alone_is_its_server() -> None:
    counters = Counters()
    counters.add("refresh_reuse", 4)

    assert named(await readings(counters).of_server())["refresh_reuse"].values[()] == 4


async def test_who_is_asked_next_never_tells_less(folder: int) -> None:
    counters = [Counters(), Counters()]
    processes = [readings(each, shared=SharedReadings(folder)) for each in counters]
    for process in processes:
        await process.open()
    seen = []
    for number in range(50):
        counters[number % 2].add("refresh_reuse")
        asked = processes[(number // 2) % 2]
        seen.append(named(await asked.of_server())["refresh_reuse"].values[()])
        if number == 25:
            await asked.publish()
    for process in processes:
        await process.close()

    assert seen == sorted(seen)
    assert seen[-1] in {49, 50}
