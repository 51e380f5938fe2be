"""From configuration to typed settings and loaded plugins; opens nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentbox.config.schema import Settings
from agentbox.config.settings import build_settings, find_faults
from agentbox.config.sources import Sources, read_sources
from agentbox.config.warnings import find_warnings
from agentbox.errors import ConfigurationError, PluginError
from agentbox.loader import Plugins, load


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a process starts from."""

    settings: Settings
    plugins: Plugins
    sources: Sources
    warnings: Sequence[str] = ()
    """Sentences for the operator that don't stop the start."""


def assemble(
    config_path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Assembly:
    """Read the configuration and load the plugins that it names.

    Raises `ConfigurationError` with every fault of settings and plugins at once.
    """
    sources = read_sources(config_path, environ, overrides)
    try:
        plugins = load(sources.enabled)
    except PluginError as error:
        raise ConfigurationError([*find_faults(sources, {}, {}), *error.faults]) from error
    types = {kind.name: plugin for plugin, kind in plugins.authenticator_types}
    settings = build_settings(sources, plugins.option_types, types)
    return Assembly(settings, plugins, sources, find_warnings(settings, sources))
