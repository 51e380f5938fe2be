"""`agentbox x <plugin> <command>`: what plugins add to the command line."""

from __future__ import annotations

import click

from agentbox.cli.invocation import Invocation
from agentbox.errors import StartError


class _PluginCommands(click.Group):
    """A group a plugin, made of what the enabled plugins offer; a broken one says why."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._groups(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._groups(ctx).get(cmd_name)

    def _groups(self, ctx: click.Context) -> dict[str, click.Group]:
        invocation = ctx.find_object(Invocation)
        if invocation is None:
            return {}
        try:
            commands = invocation.assembly.plugins.commands(click.Command)
        except StartError as error:
            click.echo(f"No commands of plugins: {error}", err=True)
            return {}
        for plugin, reason in commands.missing:
            click.echo(f"The commands of {plugin} are missing: {reason}", err=True)
        groups: dict[str, click.Group] = {}
        for plugin, command in commands.offered:
            group = groups.setdefault(plugin, click.Group(plugin, help=f"Commands of {plugin}."))
            group.add_command(command)
        return groups


@click.command(cls=_PluginCommands)
def extra() -> None:
    """Commands that plugins bring."""
