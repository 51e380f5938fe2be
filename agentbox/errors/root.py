"""The root of all of them."""

from __future__ import annotations


class AgentboxError(Exception):
    """The root of every error raised on purpose."""
