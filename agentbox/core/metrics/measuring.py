"""Sources and sinks of metrics, opened and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from agentbox.config.schema import Settings
from agentbox.core.recognition.dispatch import Named, enter
from agentbox.errors import PluginError
from agentbox.loader import Plugins
from agentbox.loader.isolation import Failure, attempt
from agentbox.model.metrics import MetricKind, MetricType
from agentbox.plugin.metrics import MetricSink, MetricSource, MetricsPage
from agentbox.plugin.options import NoOptions, Options
from agentbox.plugin.services import Services

ServicesFor = Callable[[str, Options], Services]

OURS = "metrics"
"""The bundled plugin whose types have no prefix."""

_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source and what it may measure, by name."""

    name: str
    opened: MetricSource
    types: Mapping[str, MetricType]


@dataclass(slots=True)
class Measuring:
    """What is open, in configuration order; nothing where no metrics are collected."""

    sources: list[OpenSource] = field(default_factory=list)
    sinks: list[Named[MetricSink]] = field(default_factory=list)
    pages: list[Named[MetricsPage]] = field(default_factory=list)
    types: dict[str, MetricType] = field(default_factory=dict)
    """All that is ever measured, by name."""

    def take_source(self, plugin: str, name: str, opened: object) -> None:
        """Raises `PluginError` for what is no source, and for types that can't be."""
        what = f"The metric source {name!r} of plugin {plugin!r}"
        if not isinstance(opened, MetricSource):
            raise PluginError(_without_ability(what, opened, "MetricSource"))
        if type(opened.of_process) is not bool:
            raise PluginError(f"{what} has of_process={opened.of_process!r}. Give True or False.")
        types = _declared(what, opened)
        for kind in types:
            if fault := self._fault_of(plugin, kind):
                raise PluginError(f"{what} {fault}")
            self.types[kind.name] = kind
        by_name = MappingProxyType({kind.name: kind for kind in types})
        self.sources.append(OpenSource(name, opened, by_name))

    def take_sink(self, plugin: str, name: str, opened: object) -> None:
        """Raises `PluginError` for what is neither a sink nor a page."""
        if not isinstance(opened, (MetricSink, MetricsPage)):
            what = f"The metric sink {name!r} of plugin {plugin!r}"
            raise PluginError(_without_ability(what, opened, "MetricSink and MetricsPage"))
        if isinstance(opened, MetricSink):
            self.sinks.append(Named(name, opened))
        if isinstance(opened, MetricsPage):
            self.pages.append(Named(name, opened))

    def _fault_of(self, plugin: str, kind: MetricType) -> str | None:
        """Two series of one name would be mistaken for each other, in charts and in sinks."""
        if not isinstance(kind.name, str) or _TYPE_NAME.fullmatch(kind.name) is None:
            return (
                f"measures {kind.name!r}. Begin with a lower-case letter and go on with at most 63 "
                "lower-case letters, digits and underscores."
            )
        if plugin != OURS and not kind.name.startswith(f"{plugin}_"):
            return f"measures {kind.name!r}. Call it {plugin}_{kind.name}."
        if not (isinstance(kind.unit, str) and isinstance(kind.description, str)):
            return f"measures {kind.name!r} without unit and description. Give both as texts."
        if not isinstance(kind.kind, MetricKind):
            return f"measures {kind.name!r} as {kind.kind!r}. Give a MetricKind."
        if kind.name in self.types:
            return f"measures {kind.name!r}, which is measured already. Name it anew."
        return None


def _declared(what: str, source: MetricSource) -> Sequence[MetricType]:
    """What it says that it measures. Reading it runs code of the plugin."""
    found = attempt(lambda: [*source.types])
    if isinstance(found, Failure):
        raise PluginError(f"{what}: its types raised {found}. Tell its author.")
    strange = next((each for each in found if not isinstance(each, MetricType)), None)
    if strange is not None:
        raise PluginError(f"{what} has {type(strange).__name__} among its types. Give MetricType.")
    return found


def _without_ability(what: str, opened: object, abilities: str) -> str:
    return (
        f"{what}: open() gave {type(opened).__name__}, which is none of {abilities}. "
        "Derive it from one of them."
    )


async def open_measuring(
    settings: Settings,
    plugins: Plugins,
    services_for: ServicesFor,
    stack: AsyncExitStack,
    *,
    sinks: bool = True,
) -> Measuring:
    """Open every source and every sink of the enabled plugins; closed with the stack.

    Without `sinks` it is only to know what is measured.

    Raises `PluginError` naming the plugin, and what a plugin's `open` raises as `StartError`.
    """
    measuring = Measuring()
    if not settings.metrics.enabled:
        return measuring
    for plugin, source in plugins.metric_source_types:
        options = settings.plugin_options.get(plugin, NoOptions())
        make = partial(source.open, services_for(plugin, options))
        what = f"The metric source {source.name!r} of plugin {plugin!r}"
        measuring.take_source(plugin, source.name, await enter(stack, make, what))
    for plugin, sink in plugins.metric_sink_types if sinks else ():
        options = settings.plugin_options.get(plugin, NoOptions())
        make = partial(sink.open, services_for(plugin, options))
        what = f"The metric sink {sink.name!r} of plugin {plugin!r}"
        measuring.take_sink(plugin, sink.name, await enter(stack, make, what))
    return measuring
