"""What an operator should look at although the server may start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentbox.config.addresses import listen_address
from agentbox.config.raw.tree import Table, at, origin_of
from agentbox.config.schema import SECTIONS, Settings
from agentbox.config.sections import is_loopback
from agentbox.config.sources import Sources
from agentbox.model.secret import Secret
from agentbox.plugin.options import Options
from agentbox.plugin.origins import host_of


def find_warnings(settings: Settings, sources: Sources) -> tuple[str, ...]:
    """Files with secrets that others may read, settings without effect, plain http, open pages."""
    warnings = [*_exposed(settings, sources), *_at_rest(sources)]
    url = settings.public_url
    if url.startswith("http://") and not is_loopback(host_of(url)):
        origin = origin_of(sources.root.table("server"), "public_url")
        warnings.append(
            f"{at(origin, 'server.public_url')}: passwords and tokens cross the network in clear, "
            "and nobody can sign in elsewhere, because browsers keep no Secure cookie; put TLS in "
            "front and say https://."
        )
    listen = settings.metrics.listen
    address = None if listen is None else listen_address(listen)
    if address is not None and not is_loopback(address[0]):
        origin = origin_of(sources.root.table("metrics"), "listen")
        warnings.append(
            f"{at(origin, 'metrics.listen')}: whoever reaches {listen} reads /metrics without a "
            "credential; listen on loopback, or let a firewall see to it."
        )
    return tuple(dict.fromkeys(warnings))


def _at_rest(sources: Sources) -> list[str]:
    return [
        f"{at(node.origin, f'plugins.{name}')}: has no effect, because {name} is not enabled."
        for name, node in sources.root.table("plugins").children.items()
        if name != "enabled" and name not in sources.enabled
    ]


def _exposed(settings: Settings, sources: Sources) -> list[str]:
    """Files with secrets that anybody on the machine may read (OP-03)."""
    found = []
    for dotted, options, table in _typed(settings, sources):
        for path, leaf in table.leaves():
            exposed = leaf.origin.exposed or (leaf.content is not None and leaf.content.exposed)
            if exposed and (name := _secret_at(options, path)):
                file = leaf.origin.file or leaf.raw
                found.append(
                    f"{file} holds a secret ({dotted}.{name}) and anybody on this machine may "
                    f"read it; run: chmod o-r {file}"
                )
    return found


def _typed(settings: Settings, sources: Sources) -> Iterator[tuple[str, Options, Table]]:
    """Each section, plugin and block: its dotted name, what it was typed to, what it was."""
    for name in SECTIONS:
        yield name, getattr(settings, name), sources.root.table(name)
    for plugin, options in settings.plugin_options.items():
        yield f"plugins.{plugin}", options, sources.root.table("plugins", plugin)
    for block, table in zip(settings.authenticators, sources.authenticators, strict=False):
        yield f"plugins.{block.plugin}", block.options, table


def _secret_at(options: Options, path: tuple[str, ...]) -> str | None:
    """The dotted name of the secret at `path`, None if there is none."""
    for end in (path[-1], path[-1].removesuffix("_file")):
        here: Any = options
        for name in (*path[:-1], end):
            here = here.get(name) if isinstance(here, Mapping) else getattr(here, name, None)
        if isinstance(here, Secret):
            return ".".join((*path[:-1], end))
    return None
