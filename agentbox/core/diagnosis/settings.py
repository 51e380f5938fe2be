"""Settings that hold, and that an operator may not want."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from agentbox.config.schema import Settings
from agentbox.config.sections import is_loopback
from agentbox.core.startup import Assembly
from agentbox.model.times import format_duration
from agentbox.plugin.findings import Finding

LONG_EXPIRY = timedelta(hours=8)
"""What a client that never refreshes needs; more serves nobody but a thief."""


def settings_findings(assembly: Assembly) -> Iterator[Finding]:
    """What the configuration warns of anyhow, and what is weak in what it says."""
    for warning in assembly.warnings:
        remedy = "See docs/configuration.md."
        yield _weak("configuration", warning, remedy)
    weak = [*_of_the_server(assembly.settings), *_of_plugins(assembly.settings)]
    yield from weak
    if not weak and not assembly.warnings:
        yield Finding(about="settings", verdict="ok", detail="No setting is weak.")


def _of_the_server(settings: Settings) -> Iterator[Finding]:
    server, expiry = settings.server, settings.tokens.access_expiry
    if expiry > LONG_EXPIRY:
        yield _weak(
            "settings.tokens.access_expiry",
            f"Access tokens live {format_duration(expiry)}; whoever verifies them without asking "
            "this server takes a stolen one that long.",
            "Set AGENTBOX_JWT_EXPIRY to 15m, or 8h for clients that never refresh.",
        )
    if server.docs and not settings.loopback:
        yield _weak(
            "settings.server.docs",
            "/docs and /openapi.json are open to everybody who reaches this server.",
            "Leave [server] docs out, and they are off.",
        )
    if not settings.loopback and settings.public_url.startswith("https:"):
        yield from _undeclared_proxy(settings)
    for origin in server.cors_origins:
        if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
            yield _weak(
                "settings.server.cors_origins",
                f"Pages of {origin} may call this server, and anybody between may change them.",
                "Serve those pages by https and name that origin.",
            )


def _undeclared_proxy(settings: Settings) -> Iterator[Finding]:
    """This server speaks no TLS itself, so that something in front of it does."""
    if not settings.server.trusted_proxies:
        yield _weak(
            "settings.server.trusted_proxies",
            f"{settings.public_url} is served by a proxy that is not named, so all clients have "
            "its address: in the audit, in the limits of wrong passwords, and for keys that are "
            "limited to networks.",
            "Set [server] trusted_proxies to the network of the proxy, such as 10.0.0.5/32.",
        )


def _of_plugins(settings: Settings) -> Iterator[Finding]:
    found = {
        (plugin, sentence): None
        for plugin, options in (
            *settings.plugin_options.items(),
            *((block.plugin, block.options) for block in settings.authenticators),
        )
        for sentence in options.weaknesses()
    }
    for plugin, sentence in found:
        yield _weak(f"settings.plugins.{plugin}", sentence, f"Change it in [plugins.{plugin}].")


def _weak(about: str, detail: str, remedy: str) -> Finding:
    return Finding(about=about, verdict="warning", detail=detail, remedy=remedy)
