"""Why a process does not start."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.errors.root import AgentboxError


class StartError(AgentboxError):
    """The process must not start; the text says what to do about it."""


class ConfigurationError(StartError):
    """Settings are wrong. `faults` holds one sentence for each fault, all of them at once."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class PluginError(StartError):
    """A plugin is missing, broken or wrong; names distribution, plugin, hook and remedy.

    `faults` holds one paragraph for each fault of every plugin, all of them at once.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class SchemaError(StartError):
    """The database is ahead of this program, has drifted, or can't be migrated."""
