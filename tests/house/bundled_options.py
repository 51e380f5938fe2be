"""The options of the plugins that this distribution brings, found as any plugin's are."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution

from agentbox.plugin import NoOptions, Options

_HOOKS = (
    "agentbox_authenticator_types",
    "agentbox_storage_types",
    "agentbox_policy_types",
    "agentbox_metric_source_types",
    "agentbox_metric_sink_types",
)


@cache
def bundled_options() -> dict[str, type[Options]]:
    """The type of options of each bundled entry point, in the order of their declaration."""
    found: dict[str, type[Options]] = {}
    for entry_point in distribution("agentbox-server").entry_points.select(group="agentbox"):
        module = entry_point.load()
        offers = [getattr(module, hook)() for hook in _HOOKS if hasattr(module, hook)]
        types = [kind.options for offer in offers for kind in offer]
        found[entry_point.name] = types[0] if types else NoOptions
    return found


@cache
def bundled_authenticators() -> dict[str, str]:
    """The entry point of each bundled type of authenticator."""
    found: dict[str, str] = {}
    for entry_point in distribution("agentbox-server").entry_points.select(group="agentbox"):
        offer = getattr(entry_point.load(), "agentbox_authenticator_types", list)
        found |= {kind.name: entry_point.name for kind in offer()}
    return found
