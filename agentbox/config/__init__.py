"""TOML and environment to typed settings, with all faults at once."""

from agentbox.config.effective import Row, effective
from agentbox.config.schema import AuthenticatorBlock, Settings
from agentbox.config.settings import build_settings, find_faults
from agentbox.config.sources import Sources, read_sources
from agentbox.config.warnings import find_warnings

__all__ = [
    "AuthenticatorBlock",
    "Row",
    "Settings",
    "Sources",
    "build_settings",
    "effective",
    "find_faults",
    "find_warnings",
    "read_sources",
]
