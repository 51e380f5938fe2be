"""Calling hooks, one plugin at a time; the only home of pluggy's `hook` and its callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import pluggy

from agentbox.loader import offers
from agentbox.loader.entry_points import InstalledPlugin
from agentbox.loader.inspection import OPTIONS_ATTRIBUTE, is_options
from agentbox.loader.isolation import Failure, attempt
from agentbox.plugin import Options

T = TypeVar("T")

Arguments = Callable[[str], Mapping[str, object]]
"""The arguments of a hook, by the name of the plugin that is called."""


class Offered(NamedTuple, Generic[T]):
    """What plugins offered, each with its plugin's name, and the faults of the rest."""

    items: list[tuple[str, T]]
    faults: list[str]


class HookCalls:
    """The hooks of the enabled plugins, called one by one in configuration order."""

    def __init__(self, manager: pluggy.PluginManager, enabled: Sequence[InstalledPlugin]) -> None:
        self._manager = manager
        self.enabled = {plugin.name: plugin for plugin in enabled}

    def module_options(self, name: str) -> type[Options] | None:
        """What the plugin's module states as `AGENTBOX_OPTIONS`; checked when it was admitted."""
        options = getattr(self._manager.get_plugin(name), OPTIONS_ATTRIBUTE, None)
        return options if is_options(options) else None

    def implementers(self, hook: str) -> list[str]:
        """The plugins that implement `hook`, in configuration order."""
        found = {each.plugin_name for each in getattr(self._manager.hook, hook).get_hookimpls()}
        return [name for name in self.enabled if name in found]

    def call(self, name: str, hook: str, arguments: Mapping[str, object]) -> object | Failure:
        """What one plugin's hook returns, or its failure."""
        others = [plugin for other, plugin in self._manager.list_name_plugin() if other != name]
        answer = attempt(lambda: self._manager.subset_hook_caller(hook, others)(**arguments))
        if isinstance(answer, Failure):
            return answer
        return answer[0] if answer else None  # pluggy leaves None out of its list

    def ask(
        self, name: str, hook: str, kind: type[T], arguments: Mapping[str, object]
    ) -> tuple[list[T], list[str]]:
        """The items of one plugin that are of `kind`, and the faults of all else."""
        answer = self.call(name, hook, arguments)
        if isinstance(answer, Failure):
            fault = f"it raised {answer}. Tell its author, or take it out of [plugins] enabled."
            return [], [self.fault(name, hook, fault)]
        read = attempt(lambda: offers.listed(answer, kind))
        if isinstance(read, Failure):
            fault = f"reading what it returned raised {read}. Return a list."
            return [], [self.fault(name, hook, fault)]
        items, faults = read
        return items, [self.fault(name, hook, fault) for fault in faults]

    def collect(
        self,
        hook: str,
        kind: type[T],
        judge: Callable[[str, T], Iterable[str]],
        arguments: Arguments = lambda _: {},
    ) -> Offered[T]:
        """The good items of all plugins, and the faults of all others."""
        offered: Offered[T] = Offered([], [])
        for name in self.implementers(hook):
            items, faults = self.ask(name, hook, kind, arguments(name))
            offered.faults.extend(faults)
            for item in items:
                found = _judged(judge, name, item)
                offered.faults.extend(self.fault(name, hook, fault) for fault in found)
                if not found:
                    offered.items.append((name, item))
        return offered

    def repeated(self, hook: str, offered: Offered[T], key: Callable[[T], str]) -> Iterator[str]:
        """A fault for each item whose key an earlier one has."""
        owners: dict[str, str] = {}
        for name, item in offered.items:
            what = key(item)
            if (owner := owners.get(what)) is None:
                owners[what] = name
                continue
            whose = "itself" if owner == name else f"the {self.enabled[owner]}"
            yield self.fault(
                name, hook, f"it offers {what}, which is there already, from {whose}. Name it anew."
            )

    def fault(self, name: str, hook: str | None, text: str) -> str:
        """One paragraph: whose it is, in which hook, what is wrong, what to do."""
        where = f", hook {hook}" if hook else ""
        return f"{self.enabled[name].title}{where}: {text}"


def _judged(judge: Callable[[str, T], Iterable[str]], name: str, item: T) -> list[str]:
    """The faults of an item, also of one that raises when it is looked at."""
    found = attempt(lambda: list(judge(name, item)))
    return [f"looking at what it returned raised {found}."] if isinstance(found, Failure) else found
