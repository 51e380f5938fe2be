"""A sink whose page fails is told as 503 and counted; two pages stop the start."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.core.metrics.measuring import Measuring
from agentbox.core.recognition.dispatch import Named
from agentbox.errors import PluginError, Unavailable
from agentbox.model.principal import Origin
from agentbox.plugin import MetricsPage, Page, RouteRequest
from agentbox.web.exposition.page import FORMS, PageHandler, page_routes
from tests.core.world import ManualClock


class Scripted(MetricsPage):
    """Gives or raises what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def page(self, accept: str) -> Page:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


REQUEST: RouteRequest[None, None] = RouteRequest(
    path={}, query=None, body=None, caller=None, origin=Origin(None, None, "r"), request_id="r"
)


def handler(page: MetricsPage, counters: Counters) -> PageHandler:
    runtime: Any = SimpleNamespace(clock=DatabaseClock(), counters=counters)
    return PageHandler(runtime, Named("mine", page))


@pytest.mark.parametrize(
    "answer",
    [
        *(RuntimeError("x"), asyncio.CancelledError(), None, "text"),
        *(Page("text", "a/b"), Page(b"text", None)),  # type: ignore[arg-type]
    ],
)
async def test_a_page_that_fails_is_unavailable_and_counted(answer: Any) -> None:
    counters = Counters()
    with pytest.raises(Unavailable):
        await handler(Scripted(answer), counters).get(REQUEST)

    assert counters.value("plugin_failures.mine") == 1


async def test_a_page_that_failed_three_times_is_left_alone_for_a_while() -> None:
    counters, page = Counters(), Scripted(RuntimeError("x"))
    asked = handler(page, counters)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await asked.get(REQUEST)
    page.answer = Page(b"good", "text/plain")
    with pytest.raises(Unavailable):
        await asked.get(REQUEST)

    assert counters.value("plugin_failures.mine") == 3


def test_two_sinks_with_a_page_stop_the_start() -> None:
    measuring = Measuring()
    for name in ("one", "other"):
        measuring.take_sink(name, name, Scripted(None))
    runtime: Any = SimpleNamespace(pipeline=SimpleNamespace(measuring=measuring))

    with pytest.raises(PluginError, match="'one' and 'other' both show a page"):
        page_routes(runtime)


class Slow(MetricsPage):
    """Numbers its pages, and notes how many are made at once."""

    def __init__(self) -> None:
        self.made = self.at_once = self.most = 0

    async def page(self, accept: str) -> Page:
        self.made += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return Page(f"{accept} {self.made}".encode(), "text/plain")


async def test_a_page_for_anybody_is_made_one_at_a_time_and_given_again_for_a_second() -> None:
    clock, page = ManualClock(), Slow()
    runtime: Any = SimpleNamespace(clock=clock, counters=Counters())
    asked = PageHandler(runtime, Named("mine", page))
    forms = [msgspec.structs.replace(REQUEST, accept=accept) for accept in ("a", "b")]

    for second in range(2):
        answers = await asyncio.gather(*(asked.get_recent(form) for form in forms * 20))
        clock.move(0.99)
        answers += [await asked.get_recent(form) for form in forms]
        made = {f"a {2 * second + 1}".encode(), f"b {2 * second + 2}".encode()}
        assert {answer.body for answer in answers} == made
        clock.move(0.01)

    assert (page.made, page.most) == (4, 1)


async def ask(asked: PageHandler, accept: str) -> tuple[bytes, str | None]:
    answer = await asked.get_recent(msgspec.structs.replace(REQUEST, accept=accept))
    assert isinstance(answer.body, bytes)
    return answer.body, answer.content_type


async def test_whoever_asks_in_a_loop_by_other_forms_has_no_more_pages_made() -> None:
    clock, page = ManualClock(), Slow()
    runtime: Any = SimpleNamespace(clock=clock, counters=Counters())
    asked = PageHandler(runtime, Named("mine", page))
    made = []
    for second in range(3):
        for number in range(500):
            await ask(asked, f"text/plain;x={second}-{number}")
        made.append(page.made)
        clock.move(1)

    assert made == [FORMS, 2 * FORMS, 3 * FORMS]
    assert len(asked._recent) <= FORMS


class OfTheirType(MetricsPage):
    """Pages of the type that is asked for, which say when they were made."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def page(self, accept: str) -> Page:
        return Page(str(self._clock.monotonic()).encode(), accept)


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("Text/Plain;y=1, e/f;q=0.5", (0.25, "text/plain; x=1")),
        ("application/json", (0.75, "a/b; x=3")),
        ("*/*", (0.75, "a/b; x=3")),
    ],
)
async def test_whoever_comes_after_them_gets_the_newest_of_a_type_of_theirs_or_of_all(
    accept: str, given: tuple[float, str]
) -> None:
    clock = ManualClock()
    runtime: Any = SimpleNamespace(clock=clock, counters=Counters())
    asked = PageHandler(runtime, Named("mine", OfTheirType(clock)))
    began = clock.monotonic()
    for number, kind in enumerate(["text/plain", "text/plain", "c/d", "a/b"]):
        await ask(asked, f"{kind}; x={number}")
        clock.move(0.25 if number < 3 else 0.1)
    body, content_type = await ask(asked, accept)

    assert (float(body) - began, content_type) == given
