"""`agentbox config show`: the settings that hold, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentbox.config import Row, effective
from agentbox.core.startup import assemble


class _Invocation(Protocol):
    """What this command needs of the command line's own state."""

    @property
    def config_path(self) -> Path | None: ...

    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def console(self) -> Console: ...


@click.group("config")
def config() -> None:
    """Look at the configuration."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def show(invocation: _Invocation, as_json: bool) -> None:
    """Print every setting, its value and where it came from.

    Secrets are shown as "(set)", and URLs without their password.
    """
    assembly = assemble(invocation.config_path, invocation.environ, {})
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
