"""`agentbox config show`: the settings that hold, and where each came from."""

from __future__ import annotations

import click
import msgspec
from rich.table import Table
from rich.text import Text

from agentbox.cli.invocation import Invocation
from agentbox.config import Row, effective


@click.group("config")
def config() -> None:
    """Look at the configuration."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def show(invocation: Invocation, as_json: bool) -> None:
    """Print every setting, its value and where it came from.

    Secrets are shown as "(set)", and URLs without their password.
    """
    assembly = invocation.assembly
    rows = effective(assembly.settings, assembly.sources)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
    else:
        invocation.console.print(_table(rows))


def _table(rows: tuple[Row, ...]) -> Table:
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for row in rows:
        # Text, because a value in brackets would be read as markup.
        table.add_row(
            *(Text(cell, overflow="fold") for cell in (row.setting, row.value, row.origin))
        )
    return table
