"""What an operator should look at although the server may start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentbox.config.addresses import host_of
from agentbox.config.raw.tree import at, origin_of, text_of
from agentbox.config.schema import Settings, is_loopback
from agentbox.config.sources import Sources
from agentbox.model.secret import Secret


def find_warnings(settings: Settings, sources: Sources) -> tuple[str, ...]:
    """Files with secrets that others may read, settings without effect, plain http."""
    warnings = [*_exposed(settings, sources), *_at_rest(sources)]
    url = settings.public_url
    if url.startswith("http://") and not is_loopback(host_of(url)):
        origin = origin_of(sources.root.table("server"), "public_url")
        warnings.append(
            f"{at(origin, 'server.public_url')}: passwords and tokens cross the network in clear; "
            "put TLS in front and say https://."
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
    leaves = list(sources.root.leaves())
    plugins = {block.id: block.plugin for block in settings.authenticators}
    for table in sources.authenticators:
        plugin = plugins.get(text_of(table, "id") or "", "")
        leaves += [(("plugins", plugin, *path), leaf) for path, leaf in table.leaves()]
    found = []
    for path, leaf in leaves:
        exposed = leaf.origin.exposed or (leaf.content is not None and leaf.content.exposed)
        if exposed and _holds_secret(settings, path):
            file = leaf.origin.file or leaf.raw
            found.append(
                f"{file} holds a secret ({'.'.join(path)}) and anybody on this machine may read "
                "it; run: chmod o-r on it."
            )
    return found


def _holds_secret(settings: Settings, path: tuple[str, ...]) -> bool:
    here: Any = settings
    if path[0] == "plugins" and len(path) > 2:
        here, path = settings.plugin_options.get(path[1]), path[2:]
    for name in path:
        if isinstance(here, Mapping):
            here = here.get(name)
        else:
            here = getattr(here, name, None) or getattr(here, name.removesuffix("_file"), None)
    return isinstance(here, Secret)
