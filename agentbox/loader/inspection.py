"""Looking at an imported plugin before it is trusted with a call."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from types import ModuleType
from typing import Final, TypeGuard

import pluggy

from agentbox.loader.entry_points import InstalledPlugin
from agentbox.loader.isolation import shown
from agentbox.plugin import Options, spec
from agentbox.plugin.spec import API_VERSION

PROJECT: Final = "agentbox"

HOOKS: Final = tuple(
    name for name, value in vars(spec).items() if hasattr(value, f"{PROJECT}_spec")
)
"""The names of all hooks, in the order of their specification."""


OPTIONS_ATTRIBUTE: Final = "AGENTBOX_OPTIONS"
"""What a module may call its class of options, so that it needs no type to state it."""


def is_options(value: object) -> TypeGuard[type[Options]]:
    """Whether `value` is a class of options."""
    return isinstance(value, type) and issubclass(value, Options)


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin; each `load` has its own."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(spec)
    return manager


def faults_of(manager: pluggy.PluginManager, plugin: InstalledPlugin, module: object) -> list[str]:
    """What is wrong with an imported plugin, one paragraph each; none if it can be registered."""
    version = getattr(module, "AGENTBOX_API", None)
    if type(version) is not int or version != API_VERSION:
        return [_wrong_version(plugin, version)]
    faults = _options_faults(plugin, getattr(module, OPTIONS_ATTRIBUTE, None))
    for name in dir(module):
        value = getattr(module, name, None)
        options = manager.parse_hookimpl_opts(module, name)
        if options is not None:
            faults += _implementation_faults(
                plugin, options.get("specname") or name, value, options
            )
        elif name.startswith(f"{PROJECT}_") and _defined_in(module, value):
            faults.append(_unmarked(plugin, name))
    return faults


def register(manager: pluggy.PluginManager, plugin: InstalledPlugin, module: object) -> list[str]:
    """Register it under its entry point's name; the faults that pluggy finds."""
    if (other := manager.get_name(module)) is not None:
        return [
            f"{plugin.title}: its entry point names the same object as plugin '{other}' "
            f"({plugin.target}). Give each entry point a module of its own."
        ]
    try:
        manager.register(module, name=plugin.name)
    except pluggy.PluginValidationError as error:
        return [_wrong_signature(plugin, error)]
    return []


def _implementation_faults(
    plugin: InstalledPlugin, hook: str, value: object, options: pluggy.HookimplOpts
) -> Iterable[str]:
    where = f"{plugin.title}, hook {hook}"
    if hook not in HOOKS:
        yield f"{where}: there is no such hook.{_meant(hook)} Hooks are: {', '.join(HOOKS)}."
    elif inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
        yield (
            f"{where}: it is `async def`. Hooks are synchronous: they only return objects, and "
            f"the server awaits the methods of those. Write `def {hook}(…)` and move what is "
            f"awaited into the object."
        )
    elif options.get("wrapper") or options.get("hookwrapper"):
        yield (
            f"{where}: it is a wrapper. Each plugin is called on its own and there is nothing to "
            f"wrap; write @hookimpl without `wrapper` and `hookwrapper`."
        )


def _options_faults(plugin: InstalledPlugin, options: object) -> list[str]:
    if options is None or is_options(options):
        return []
    return [
        f"{plugin.title}: {OPTIONS_ATTRIBUTE} is {shown(options)}. State a class that is made from "
        f"agentbox.plugin.Options."
    ]


def _wrong_version(plugin: InstalledPlugin, version: object) -> str:
    if version is None:
        return (
            f"{plugin.title}: it does not say which version of the plugin contract it was "
            f"written for. Its author has to add `AGENTBOX_API = {API_VERSION}` to "
            f"{plugin.target}."
        )
    return (
        f"{plugin.title}: it was written for version {version!r} of the plugin contract "
        f"(AGENTBOX_API), and this agentbox speaks version {API_VERSION}. Install a release of "
        f"{plugin.distribution} made for this one, or an agentbox made for it."
    )


def _unmarked(plugin: InstalledPlugin, name: str) -> str:
    known = name in HOOKS
    what = "is not marked, so it would never be called" if known else "is no hook"
    remedy = (
        "Write @hookimpl above it."
        if known
        else f"Names that begin with {PROJECT}_ are kept for hooks.{_meant(name)}"
    )
    return f"{plugin.title}, hook {name}: the function {what}. {remedy}"


def _wrong_signature(plugin: InstalledPlugin, error: pluggy.PluginValidationError) -> str:
    detail = " ".join(str(error).split())
    named = re.search(r"for hook '(\w+)'", detail)
    hook = named[1] if named else "?"
    parameters = ", ".join(inspect.signature(getattr(spec, hook, lambda: None)).parameters)
    return (
        f"{plugin.title}, hook {hook}: its parameters are wrong ({detail}). Write "
        f"`def {hook}({parameters})`; parameters that are not needed may be left out."
    )


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, HOOKS, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _defined_in(module: object, value: object) -> bool:
    if not inspect.isroutine(value):
        return False
    home = module.__name__ if isinstance(module, ModuleType) else _class_of(module).__module__
    return f"{getattr(value, '__module__', '')}.".startswith(f"{home}.")


def _class_of(plugin: object) -> type:
    return plugin if isinstance(plugin, type) else type(plugin)
