"""Which plugins are installed, read from the metadata of distributions; nothing is imported."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from typing import Final

from msgspec import Struct

from agentbox.model.access.scopes import SCOPES

GROUP: Final = "agentbox"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# A bundled plugin is called metrics: whoever brings another one of that name is refused for it.
_RESERVED = frozenset(scope.partition(":")[0] for scope in SCOPES) - {"metrics"} | {"enabled"}
_SEPARATORS = re.compile(r"[-_.]+")


class InstalledPlugin(Struct, frozen=True, kw_only=True):
    """An entry point of the group `agentbox`; `target` is the module (or `module:object`)."""

    name: str
    distribution: str
    version: str
    target: str

    def __str__(self) -> str:
        return f"plugin '{self.name}' of {self.distribution} {self.version}"

    @property
    def title(self) -> str:
        """The same, as a sentence begins."""
        return f"P{str(self)[1:]}"

    def load(self) -> object:
        """Import it. Raises whatever the import raises."""
        return metadata.EntryPoint(name=self.name, value=self.target, group=GROUP).load()


def installed() -> tuple[InstalledPlugin, ...]:
    """All plugins that are installed, by name, then distribution; nothing is imported.

    A distribution that is seen twice on the path (installed, and a checkout in front of it)
    counts once, as the one that is imported.
    """
    seen: dict[tuple[str, str, str], InstalledPlugin] = {}
    origin_of = cache(_origin)  # reading it is slow, and one distribution brings many plugins
    for point in metadata.entry_points(group=GROUP):
        distribution, version = origin_of(point.dist)
        key = (point.name, _SEPARATORS.sub("-", distribution).lower(), point.value)
        seen.setdefault(
            key,
            InstalledPlugin(
                name=point.name, distribution=distribution, version=version, target=point.value
            ),
        )
    return tuple(sorted(seen.values(), key=lambda plugin: (plugin.name, plugin.distribution)))


def _origin(distribution: metadata.Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "an unknown distribution", "0"
    about = distribution.metadata
    return str(about["Name"] or "an unnamed distribution"), str(about["Version"] or "0")


def choose(name: str, present: Sequence[InstalledPlugin]) -> InstalledPlugin | str:
    """The one plugin called `name`, or the fault that there is none, or more than one."""
    if (fault := _name_fault(name)) is not None:
        return fault
    found = [plugin for plugin in present if plugin.name == name]
    if not found:
        return _not_installed(name, [plugin.name for plugin in present])
    if len(found) > 1:
        owners = " and ".join(f"{p.distribution} {p.version} ({p.target})" for p in found)
        return (
            f"Plugin '{name}' is offered more than once: by {owners}. Which one is meant can't be "
            f"known; uninstall all but one of them (`pip uninstall <distribution>`)."
        )
    return found[0]


def _name_fault(name: str) -> str | None:
    if name in _RESERVED:
        return (
            f"Plugin '{name}' has a name that agentbox uses itself, so its options or its scopes "
            f"would be mistaken for others. Take it out of [plugins] enabled; its author has to "
            f"give the entry point another name."
        )
    if _NAME.fullmatch(name) is None:
        return (
            f"Plugin '{name}' can't be enabled: names begin with a lower-case letter and go on "
            f"with at most 63 lower-case letters, digits and underscores, because paths, scopes "
            f"and environment variables are made of them. Correct it in [plugins] enabled."
        )
    return None


def _not_installed(name: str, present: Iterable[str]) -> str:
    names = sorted(set(present))
    close = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean '{close[0]}'?" if close else ""
    have = f"Installed are: {', '.join(names)}." if names else "No plugin is installed at all."
    return (
        f"Plugin '{name}' is enabled and not installed.{meant} {have} Correct [plugins] enabled, "
        f"or install the distribution that brings it: `{sys.executable} -m pip install "
        f"<distribution>`."
    )
