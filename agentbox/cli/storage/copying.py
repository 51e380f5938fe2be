"""`agentbox storage copy`: to another database, or to another kind of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.cli.storage.refusal import Refused, refusing
from agentbox.core.copying import copying
from agentbox.core.copying.report import Report, TableReport
from agentbox.core.copying.target import Target, has_password, require_current

SHOWN = 10
"""Characters of a digest that the table shows."""


@click.command()
@click.option(
    "--to",
    required=True,
    metavar="DSN",
    help="Where to, such as postgresql://… or sqlite:///…; `-` reads it from standard input, which "
    "one with a password has to come from.",
)
@click.option("--verify", is_flag=True, help="Copy nothing; only compare.")
@click.option("--force", is_flag=True, help="Overwrite whatever the target holds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def copy(context: click.Context, to: str, verify: bool, force: bool, as_json: bool) -> None:
    """Copy everything into another database, or bring an earlier copy up to date.

    Ends with 1 unless all tables are the same on both sides afterwards. The server may go on
    running for all copies but the last one.
    """
    invocation: Invocation = context.obj
    if to != "-" and has_password(to):
        raise Refused("A DSN with a password comes from standard input, with --to -.")
    dsn = sys.stdin.readline().strip() if to == "-" else to
    with refusing(), _progress() as progress:
        source = invocation.storage
        require_current(invocation.assembly.plugins, source)
        target = Target(invocation.assembly, dsn)
        if verify:
            target.require_current()
        else:
            target.migrate()

        async def work() -> Report:
            if verify:
                return await copying.compare(source, target.storage, progress)
            return await copying.copy(source, target.storage, progress, force=force)

        report = invocation.run(work, log_level="warning")
    key_file = source.default_secret_path
    if (
        not verify
        and key_file is not None
        and invocation.assembly.settings.server.secret_key is None
    ):
        told = f"Start servers on it with AGENTBOX_SECRET_KEY set to what {key_file} holds."
        click.echo(told, err=True)
    if as_json:
        click.echo(msgspec.json.encode({"alike": report.alike, "tables": report.tables}))
    else:
        invocation.console.print(_table(report))
        click.echo(_verdict(report))
    if not report.alike:
        context.exit(1)


@contextmanager
def _progress() -> Iterator[copying.Progress]:
    """Bars on a terminal's standard error, and nothing elsewhere."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task("…", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield tell


def _table(report: Report) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("table", no_wrap=True)
    for column in ("rows", "written", "deleted"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("digest", no_wrap=True)
    for table in report.tables:
        shown.add_row(
            table.name,
            str(table.source.rows),
            str(table.written),
            str(table.deleted),
            _digest(table),
        )
    return shown


def _digest(table: TableReport) -> str:
    digest = table.source.digest[:SHOWN]
    if table.alike:
        return digest
    return f"{digest}, not {table.target.digest[:SHOWN]} ({table.target.rows})"


def _verdict(report: Report) -> str:
    if report.alike:
        return "All tables are the same on both sides."
    other = ", ".join(table.name for table in report.tables if not table.alike)
    return f"Not the same on both sides: {other}."
