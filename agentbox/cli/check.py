"""`agentbox check`: would it start with this configuration? Opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from agentbox.cli.invocation import Invocation
from agentbox.errors import ConfigurationError, StartError

if TYPE_CHECKING:
    from rich.console import Console

    from agentbox.core.startup import Assembly


class CheckReport(Struct, frozen=True):
    """What `--json` prints."""

    ok: bool
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Check the configuration and load the plugins; open nothing.

    Prints every fault and exits with 1 if there is one. No database is looked at or made.
    """
    invocation: Invocation = context.obj
    report, assembly = _judge(invocation)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        _print(report, assembly, invocation.console)
    if not report.ok:
        context.exit(1)


def _judge(invocation: Invocation) -> tuple[CheckReport, Assembly | None]:
    from agentbox.core.start.workers import require_room

    try:
        assembly = invocation.assembly
        require_room(assembly.settings.server.workers, invocation.storage)
    except ConfigurationError as error:
        return CheckReport(ok=False, faults=error.faults), None
    except StartError as error:
        return CheckReport(ok=False, faults=(str(error),)), None
    warnings = (*assembly.warnings, *_faulty_versions(invocation))
    return CheckReport(ok=True, warnings=warnings, notes=tuple(_notes(assembly))), assembly


def _notes(assembly: Assembly) -> Iterator[str]:
    """What plugins' options say of the other side, such as addresses to register there."""
    settings = assembly.settings
    for block in settings.authenticators:
        yield from block.options.notes(settings.public_url)
    ids = {block.plugin for block in settings.authenticators}
    for plugin, options in settings.plugin_options.items():
        if plugin not in ids:
            yield from options.notes(settings.public_url)


def _faulty_versions(invocation: Invocation) -> Iterator[str]:
    """Versions with known faults (SU-01); `agentbox doctor` looks at all else."""
    from agentbox.core.diagnosis.versions import version_findings

    of_storage = invocation.storage.examine(connect=False)
    for finding in (*version_findings(invocation.environ), *of_storage):
        if finding.about.startswith("versions.") and finding.verdict != "ok":
            yield f"{finding.detail} {finding.remedy}"


def _print(report: CheckReport, assembly: Assembly | None, console: Console) -> None:
    for fault in report.faults:
        console.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    for warning in report.warnings:
        line = f"warning: {warning}"
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    if assembly is None:
        count = len(report.faults)
        summary = f"{count} {'fault' if count == 1 else 'faults'}; agentbox would not start."
    else:
        path = assembly.sources.path
        source = f"settings from {path}" if path else "no settings file"
        summary = f"ok: {source}; plugins: {', '.join(assembly.settings.plugins)}"
    console.print(summary, markup=False, highlight=False, soft_wrap=True)
