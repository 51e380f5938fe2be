"""Logging: one event, one line, written by a thread and never by a request."""

from agentbox.core.logs.queue import LogHandle
from agentbox.core.logs.setup import configure
from agentbox.core.logs.turns import Turns

__all__ = ["LogHandle", "Turns", "configure"]
