"""TOML and environment to typed settings, with all faults at once."""

from agentbox.config.build import build_settings, find_warnings
from agentbox.config.schema import AuthenticatorBlock, Settings
from agentbox.config.sources import Sources, read_sources

__all__ = [
    "AuthenticatorBlock",
    "Settings",
    "Sources",
    "build_settings",
    "find_warnings",
    "read_sources",
]
