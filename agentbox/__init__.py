"""agentbox: a self-hosted authentication server whose every part is a plugin."""

__version__ = "0.5.0"
