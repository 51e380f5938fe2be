"""A sink whose page fails is told as 503 and counted; two pages stop the start."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agentbox.core.clock import DatabaseClock
from agentbox.core.counters import Counters
from agentbox.core.metrics.measuring import Measuring
from agentbox.core.recognition.dispatch import Named
from agentbox.errors import PluginError, Unavailable
from agentbox.model.principal import Origin
from agentbox.plugin import MetricsPage, Page, RouteRequest
from agentbox.web.exposition.page import PageHandler, page_routes


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
    [RuntimeError("x"), asyncio.CancelledError(), None, "text", Page("text", "a/b")],  # type: ignore[arg-type]
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
