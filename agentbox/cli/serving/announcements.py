"""What whoever starts a server tells the operator."""

from __future__ import annotations

import structlog

from agentbox import __version__
from agentbox.config.schema import Settings
from agentbox.core.startup import Assembly
from agentbox.errors import StartError

_log = structlog.get_logger("agentbox")


def announce_start(assembly: Assembly) -> None:
    """Log the version, the plugins, and what the configuration warns of."""
    _log.info("starting", version=__version__, plugins=_origins(assembly))
    for warning in assembly.warnings:
        _log.warning("configuration", warning=warning)


def announce_listening(url: str, **more: object) -> None:
    """Log that requests are answered at `url`."""
    _log.info("listening", url=url, **more)


def announce_page(url: str) -> None:
    """Log that /metrics, and nothing else, is answered at `url` to anybody."""
    _log.info("metrics_listening", url=url)


def announce_page_stays(configured: str | None, inherited: str | None) -> None:
    """Warn that /metrics is not where the settings say by now: that wants a restart."""
    _log.warning("metrics_listen_needs_restart", configured=configured, listen=inherited)


def cant_listen_for_metrics(settings: Settings, error: OSError) -> StartError:
    """The reason for the operator."""
    return StartError(
        f"Can't listen on {settings.metrics.listen} ([metrics] listen): {error.strerror}."
    )


def cant_listen(settings: Settings, error: OSError) -> StartError:
    """The reason for the operator."""
    return StartError(
        f"Can't listen on {settings.server.host}:{settings.server.port}: "
        f"{error.strerror}. Is another server running there? Choose with --port."
    )


def _origins(assembly: Assembly) -> list[str]:
    """Every enabled plugin with the distribution and version that it comes from (PL-05)."""
    found = ((name, assembly.plugins.plugin_info(name)) for name in assembly.plugins.names)
    return [f"{name} ({info.distribution} {info.version})" for name, info in found]
