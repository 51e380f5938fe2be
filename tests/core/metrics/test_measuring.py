"""Opening sources and sinks: what stops the start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.metrics.measuring import Measuring, open_measuring
from agentbox.errors import PluginError, StartError
from agentbox.model.metrics import MetricType
from agentbox.plugin import MetricSinkType, MetricSourceType, MetricsPage
from tests.core.metrics.parts import HITS, LOAD, SIZE, Sink, Source

Open = Callable[[Any], Any]


def kind(name: Any, **fields: Any) -> MetricType:
    return MetricType(**({"name": name, "unit": "count", "description": "One."} | fields))


def inside(thing: object) -> Open:
    @asynccontextmanager
    async def open_one(services: Any) -> AsyncIterator[object]:
        yield thing

    return open_one


async def opened(
    *sources: tuple[str, str, Open], sinks: tuple[tuple[str, str, Open], ...] = (), on: bool = True
) -> Measuring:
    """What is opened of these plugins' types, each a plugin, a name and its `open`."""
    settings = SimpleNamespace(metrics=MetricsSettings(enabled=on), plugin_options={})
    plugins = SimpleNamespace(
        metric_source_types=[(p, MetricSourceType(name=n, open=o)) for p, n, o in sources],
        metric_sink_types=[(p, MetricSinkType(name=n, open=o)) for p, n, o in sinks],
    )
    async with AsyncExitStack() as stack:
        return await open_measuring(settings, plugins, lambda name, options: name, stack)  # type: ignore[arg-type, return-value]


async def test_sources_and_sinks_are_open_under_their_names() -> None:
    found = await opened(("ex", "load", inside(Source())), sinks=(("ex", "out", inside(Sink())),))

    assert [source.name for source in found.sources] == ["load"]
    assert [sink.id for sink in found.sinks] == ["out"]
    assert found.types == {"ex_load": LOAD, "ex_hits": HITS, "ex_size": SIZE}


async def test_nothing_is_opened_where_metrics_are_off() -> None:
    def never(services: Any) -> Any:
        raise AssertionError("it was opened")

    found = await opened(("ex", "load", never), sinks=(("ex", "out", never),), on=False)

    assert (found.sources, found.sinks, found.types) == ([], [], {})


class Page(MetricsPage):
    content_type: ClassVar[str] = "text/plain"

    async def page(self) -> bytes:
        return b""


class Both(Sink, Page):
    """Takes samples, and shows a page."""


async def test_a_sink_may_be_a_page_or_both() -> None:
    page, both = ("ex", "page", inside(Page())), ("ex", "both", inside(Both()))

    found = await opened(sinks=(page, both))

    assert [sink.id for sink in found.sinks] == ["both"]
    assert [page.id for page in found.pages] == ["page", "both"]


# PL-01
@pytest.mark.parametrize(
    "thing", [None, "a source", Source, Sink()], ids=["none", "text", "class", "other"]
)
async def test_what_is_no_source_stops_the_start(thing: object) -> None:
    with pytest.raises(PluginError, match=r"source 'load' of plugin 'ex'.*MetricSource"):
        await opened(("ex", "load", inside(thing)))


# PL-01
@pytest.mark.parametrize(
    "thing", [None, "a sink", Sink, Source()], ids=["none", "text", "class", "other"]
)
async def test_what_is_no_sink_stops_the_start(thing: object) -> None:
    with pytest.raises(PluginError, match=r"sink 'out' of plugin 'ex'.*MetricSink"):
        await opened(sinks=(("ex", "out", inside(thing)),))


def broken(services: Any) -> Any:
    raise ZeroDivisionError


# PL-01
async def test_an_open_that_raises_stops_the_start_and_is_named() -> None:
    with pytest.raises(PluginError, match=r"source 'load' of plugin 'ex'.*ZeroDivisionError"):
        await opened(("ex", "load", broken))
    with pytest.raises(PluginError, match=r"sink 'out' of plugin 'ex'.*ZeroDivisionError"):
        await opened(sinks=(("ex", "out", broken),))


async def test_an_open_that_says_what_to_do_is_passed_on() -> None:
    def refuse(services: Any) -> Any:
        raise StartError("Set the address.")

    with pytest.raises(StartError, match=r"^Set the address\.$"):
        await opened(("ex", "load", refuse))


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ((kind("load"),), "measures 'load'. Call it ex_load."),
        ((kind("extra_load"),), "Call it ex_extra_load."),
        ((kind("Ex_load"),), "measures 'Ex_load'. Begin with a lower-case letter"),
        ((kind("ex_" + "a" * 62),), "at most 63"),
        ((kind("ex_a-b"),), "measures 'ex_a-b'. Begin"),
        ((kind("ex_a\n"),), "Begin"),
        ((kind(7),), "measures 7. Begin"),
        ((kind("ex_a", unit=None),), "without unit and description"),
        ((kind("ex_a", kind="gauge"),), "as 'gauge'. Give a MetricKind"),
        ((kind("ex_a"), kind("ex_a")), "measures 'ex_a', which is measured already"),
        (("ex_a",), "str among its types"),
        (7, "its types raised TypeError"),
    ],
)
async def test_types_that_can_not_be_stop_the_start(types: Any, told: str) -> None:
    with pytest.raises(PluginError) as refused:
        await opened(("ex", "load", inside(Source(types=types))))
    assert told in str(refused.value)
    assert "'load' of plugin 'ex'" in str(refused.value)


async def test_a_type_that_another_source_has_stops_the_start() -> None:
    one, other = inside(Source(types=(LOAD,))), inside(Source(types=(LOAD,)))
    with pytest.raises(PluginError, match=r"'second'.*'ex_load', which is measured already"):
        await opened(("ex", "first", one), ("ex", "second", other))


async def test_the_bundled_plugin_alone_has_types_without_its_name() -> None:
    found = await opened(("metrics", "own", inside(Source(types=(kind("users"),)))))
    assert list(found.types) == ["users"]
    with pytest.raises(PluginError, match="Call it ex_users"):
        await opened(("ex", "own", inside(Source(types=(kind("users"),)))))


async def test_a_source_says_plainly_whether_it_is_of_the_process() -> None:
    class Vague(Source):
        of_process = "yes"  # type: ignore[assignment]

    with pytest.raises(PluginError, match="of_process='yes'"):
        await opened(("ex", "load", inside(Vague())))
