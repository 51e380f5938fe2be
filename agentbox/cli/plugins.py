"""`agentbox plugins`: what is installed, what is enabled, what it provides."""

from __future__ import annotations

import click
import msgspec
from msgspec import Struct
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.core.startup import Assembly
from agentbox.loader import PluginDescription


class ChainLink(Struct, frozen=True):
    """One authenticator of the chain: its id, its type, and the plugin that brings the type."""

    id: str
    type: str
    plugin: str


class PluginList(Struct, frozen=True):
    """What `--json` prints: the plugins, and the authenticators in the order they are asked."""

    plugins: list[PluginDescription]
    authenticators: list[ChainLink]


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def plugins(invocation: Invocation, as_json: bool) -> None:
    """List plugins, what they bring, and the chain of authenticators."""
    found = listing(invocation.assembly)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    invocation.console.print(_plugin_table(found.plugins))
    invocation.console.print(_chain_table(found.authenticators))


def listing(assembly: Assembly) -> PluginList:
    """All installed plugins, the enabled ones first, and the chain as it is configured."""
    chain = assembly.settings.authenticators
    return PluginList(
        plugins=assembly.plugins.describe(),
        authenticators=[ChainLink(block.id, block.type, block.plugin) for block in chain],
    )


def _plugin_table(described: list[PluginDescription]) -> Table:
    table = Table(title="Plugins", title_justify="left")
    for heading in ("name", "enabled", "distribution", "version", "provides"):
        table.add_column(heading, overflow="fold")  # a name that is cut can't be configured
    for each in described:
        enabled = "yes" if each.enabled else "no"
        table.add_row(each.name, enabled, each.distribution, each.version, _provides(each))
    return table


def _provides(described: PluginDescription) -> str:
    named = [
        *(f"authenticator {name}" for name in described.authenticators),
        *(f"storage {name}" for name in described.storages),
        *(f"policy {name}" for name in described.policies),
        *(f"metric source {name}" for name in described.metric_sources),
        *(f"metric sink {name}" for name in described.metric_sinks),
    ]
    unnamed = [_IN_WORDS[hook] for hook in described.hooks if hook in _IN_WORDS]
    return ", ".join(named + unnamed)


# The other hooks are told by the names of the types that they offer.
_IN_WORDS = {
    "agentbox_migration_folders": "migrations",
    "agentbox_routes": "routes",
    "agentbox_jobs": "jobs",
    "agentbox_commands": "commands",
    "agentbox_event": "events",
}


def _chain_table(chain: list[ChainLink]) -> Table:
    table = Table(title="Authenticators, in order", title_justify="left")
    for heading in ("place", "id", "type", "plugin"):
        table.add_column(heading, overflow="fold")
    for number, link in enumerate(chain, start=1):
        table.add_row(str(number), link.id, link.type, link.plugin)
    return table
