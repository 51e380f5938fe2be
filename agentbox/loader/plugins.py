"""What the enabled plugins offer, typed and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct, structs

from agentbox.errors import PluginError
from agentbox.loader import offers
from agentbox.loader.calls import HookCalls, Offered
from agentbox.loader.entry_points import InstalledPlugin, installed
from agentbox.loader.inspection import HOOKS, OPTIONS_ATTRIBUTE
from agentbox.loader.isolation import Failure
from agentbox.plugin import (
    AuthenticatorType,
    Event,
    Job,
    MetricSinkType,
    MetricSourceType,
    MigrationFolder,
    NoOptions,
    Options,
    PolicyType,
    Route,
    Services,
    StorageType,
)

T = TypeVar("T")
TypeT = TypeVar(
    "TypeT", AuthenticatorType, StorageType, PolicyType, MetricSourceType, MetricSinkType
)

ServicesFor = Callable[[str], Services]
"""The services of the plugin with that name."""


class Commands(NamedTuple, Generic[T]):
    """Commands by plugin; and for plugins whose commands are missing, why."""

    offered: list[tuple[str, T]]
    missing: list[tuple[str, str]]


class PluginDescription(Struct, frozen=True, kw_only=True):
    """An installed plugin. What it provides is known only if it is enabled, else empty."""

    name: str
    distribution: str
    version: str
    enabled: bool
    authenticators: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    metric_sources: tuple[str, ...] = ()
    metric_sinks: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()


class Plugins:
    """The enabled plugins, in configuration order; made by `load`.

    The types are collected when it is made; `faults` are those found then, one paragraph each.
    """

    def __init__(self, calls: HookCalls) -> None:
        self._calls = calls
        self.faults: list[str] = []
        self.authenticator_types = self._types("agentbox_authenticator_types", AuthenticatorType)
        self.storage_types = self._types("agentbox_storage_types", StorageType)
        self.policy_types = self._types("agentbox_policy_types", PolicyType)
        self.metric_source_types = self._types("agentbox_metric_source_types", MetricSourceType)
        self.metric_sink_types = self._types("agentbox_metric_sink_types", MetricSinkType)
        self.faults.extend(self._option_faults())

    @property
    def names(self) -> tuple[str, ...]:
        """The entry points, in configuration order."""
        return tuple(self._calls.enabled)

    @property
    def option_types(self) -> Mapping[str, type[Options]]:
        """Each plugin's class of options; `NoOptions` if neither its types nor its module state
        one."""
        stated = {name: options for name, options, _ in self._stated_options()}
        return {name: stated.get(name, NoOptions) for name in self.names}

    def plugin_info(self, name: str) -> InstalledPlugin:
        """Where an enabled plugin comes from. Raises KeyError for any other name."""
        return self._calls.enabled[name]

    def migration_folders(self, backend: str) -> list[MigrationFolder]:
        """All folders of migrations for `backend`. Raises `PluginError`."""
        hook = "agentbox_migration_folders"
        offered = self._calls.collect(
            hook, MigrationFolder, offers.folder_faults, lambda _: {"backend": backend}
        )
        return [folder for _, folder in _good(offered)]

    def routes(self, services_for: ServicesFor) -> list[tuple[str, Route]]:
        """All routes, under their full path `/api/v1/x/<entry point>/…`. Raises `PluginError`."""
        hook = "agentbox_routes"
        offered = self._calls.collect(
            hook, Route, offers.route_faults, lambda name: {"services": services_for(name)}
        )
        mounted = Offered(
            [(name, _mounted(name, route)) for name, route in offered.items], offered.faults
        )
        mounted.faults.extend(self._calls.repeated(hook, mounted, offers.route_shape))
        for name in self.names:
            own = [route for owner, route in mounted.items if owner == name]
            mounted.faults.extend(
                self._calls.fault(name, hook, fault) for fault in offers.scope_faults(own)
            )
        return _good(mounted)

    def jobs(self, services_for: ServicesFor) -> list[tuple[str, Job]]:
        """All jobs; no two have one name. Raises `PluginError`."""
        hook = "agentbox_jobs"
        offered = self._calls.collect(
            hook,
            Job,  # type: ignore[type-abstract]  # compared with, never made
            offers.job_faults,
            lambda name: {"services": services_for(name)},
        )
        offered.faults.extend(self._calls.repeated(hook, offered, lambda job: f"job {job.name}"))
        return _good(offered)

    def commands(self, kind: type[T]) -> Commands[T]:
        """All commands of class `kind` (click's, which the command line alone knows)."""
        commands: Commands[T] = Commands([], [])
        for name in self._calls.implementers("agentbox_commands"):
            items, faults = self._calls.ask(name, "agentbox_commands", kind, {})
            commands.offered.extend((name, item) for item in items)
            commands.missing.extend((name, fault) for fault in faults)
        return commands

    def tell(self, event: Event) -> list[tuple[str, BaseException]]:
        """Tell each plugin of an event; those that raised, and what they raised."""
        failed = []
        for name in self._calls.implementers("agentbox_event"):
            answer = self._calls.call(name, "agentbox_event", {"event": event})
            if isinstance(answer, Failure):
                failed.append((name, answer.error))
        return failed

    def describe(self) -> list[PluginDescription]:
        """Every installed plugin: the enabled ones in their order, then the others by name."""
        enabled = [self._describe(plugin) for plugin in self._calls.enabled.values()]
        others = [plugin for plugin in installed() if plugin.name not in self._calls.enabled]
        return enabled + [
            PluginDescription(
                name=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                enabled=False,
            )
            for plugin in others
        ]

    def _describe(self, plugin: InstalledPlugin) -> PluginDescription:
        def own(types: list[tuple[str, TypeT]]) -> tuple[str, ...]:
            return tuple(item.name for name, item in types if name == plugin.name)

        return PluginDescription(
            name=plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            enabled=True,
            authenticators=own(self.authenticator_types),
            storages=own(self.storage_types),
            policies=own(self.policy_types),
            metric_sources=own(self.metric_source_types),
            metric_sinks=own(self.metric_sink_types),
            hooks=tuple(hook for hook in HOOKS if plugin.name in self._calls.implementers(hook)),
        )

    def _types(self, hook: str, kind: type[TypeT]) -> list[tuple[str, TypeT]]:
        offered = self._calls.collect(hook, kind, lambda _, item: offers.type_faults(item))
        self.faults.extend(offered.faults)
        self.faults.extend(
            self._calls.repeated(hook, offered, lambda item: f"{kind.__name__} '{item.name}'")
        )
        return offered.items

    def _stated_options(self) -> Iterator[tuple[str, type[Options], str]]:
        """Plugin, class of options, and where it is stated."""
        for name in self.names:
            if (options := self._calls.module_options(name)) is not None:
                yield name, options, OPTIONS_ATTRIBUTE
        for types in (
            self.authenticator_types,
            self.storage_types,
            self.policy_types,
            self.metric_source_types,
            self.metric_sink_types,
        ):
            for name, item in types:
                yield name, item.options, f"'{item.name}'"

    def _option_faults(self) -> Iterator[str]:
        first: dict[str, type[Options]] = {}
        for name, options, place in self._stated_options():
            if first.setdefault(name, options) is not options:
                yield self._calls.fault(
                    name,
                    None,
                    f"it states different options, {first[name].__name__} and "
                    f"{options.__name__} (of {place}). A plugin has one block of options, "
                    f"[plugins.{name}]; state the same class in all of its types, and in "
                    f"{OPTIONS_ATTRIBUTE} if it has that.",
                )


def _good(offered: Offered[T]) -> list[tuple[str, T]]:
    if offered.faults:
        raise PluginError(*offered.faults)
    return offered.items


def _mounted(plugin: str, route: Route) -> Route:
    return structs.replace(
        route, path=f"{offers.MOUNT}{plugin}{route.path}", tag=route.tag or plugin
    )
