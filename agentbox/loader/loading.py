"""From the names in the configuration to plugins that can be used, or to all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from agentbox.errors import PluginError
from agentbox.loader.calls import HookCalls
from agentbox.loader.entry_points import InstalledPlugin, choose, installed
from agentbox.loader.inspection import faults_of, new_manager, register
from agentbox.loader.isolation import Failure, attempt
from agentbox.loader.plugins import Plugins


def load(enabled: Sequence[str]) -> Plugins:
    """Import the plugins named, in that order, and no others; collect what they offer.

    Raises `PluginError` with every fault of every plugin.
    """
    manager = new_manager()
    present = installed()
    faults = [_twice(name) for name in dict.fromkeys(enabled) if enabled.count(name) > 1]
    ready: list[InstalledPlugin] = []
    for name in dict.fromkeys(enabled):
        chosen = choose(name, present)
        if isinstance(chosen, str):
            faults.append(chosen)
        elif found := _admit(manager, chosen):
            faults.extend(found)
        else:
            ready.append(chosen)
    whole = not faults
    plugins = Plugins(HookCalls(manager, ready))
    faults.extend(plugins.faults)
    faults.extend(_storage_faults(plugins, whole=whole and not plugins.faults))
    if faults:
        raise PluginError(*faults)
    return plugins


def _admit(manager: pluggy.PluginManager, plugin: InstalledPlugin) -> list[str]:
    """Import and register one plugin; its faults."""
    module = attempt(plugin.load)
    if isinstance(module, Failure):
        return [
            f"{plugin.title}: importing {plugin.target} raised {module}. Install what it lacks, "
            f"reinstall {plugin.distribution}, or take '{plugin.name}' out of [plugins] enabled."
        ]
    found = attempt(lambda: faults_of(manager, plugin, module) or register(manager, plugin, module))
    if isinstance(found, Failure):
        return [f"{plugin.title}: looking at {plugin.target} raised {found}. Tell its author."]
    return found


def _storage_faults(plugins: Plugins, *, whole: bool) -> list[str]:
    """A server has one storage. Without `whole`, a missing one is another fault's consequence."""
    found = [(plugins.plugin_info(name), item.name) for name, item in plugins.storage_types]
    if len(found) > 1:
        named = ", ".join(f"'{item}' ({plugin})" for plugin, item in found)
        return [
            f"More than one storage is enabled: {named}. A server has one; leave one of these "
            f"plugins in [plugins] enabled."
        ]
    if not found and whole:
        return [
            "No storage is enabled: none of the enabled plugins offers one (hook "
            "agentbox_storage_types). Add one, for example 'sqlite', to [plugins] enabled."
        ]
    return []


def _twice(name: str) -> str:
    return f"Plugin '{name}' stands in [plugins] enabled more than once. Name it once."
