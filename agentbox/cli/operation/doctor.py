"""`agentbox doctor`: is this deployment as it should be?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click
import msgspec
from rich.console import Console

from agentbox.cli.invocation import Invocation
from agentbox.core.diagnosis.doctor import examine
from agentbox.core.start.workers import require_room
from agentbox.errors import ConfigurationError, StartError
from agentbox.plugin.findings import Finding

STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at versions, settings, files and the database; exit with 1 if there is a problem.

    Works beside a running server, and changes nothing that is stored. Run it as the user that the
    server runs as, with the same settings.
    """
    invocation: Invocation = context.obj
    findings = _findings(invocation)
    counts = Counter[str](finding.verdict for finding in findings)
    if as_json:
        report = {"ok": not counts["problem"], "findings": findings}
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        _print(findings, counts, invocation.console)
    if counts["problem"]:
        context.exit(1)


def _findings(invocation: Invocation) -> Sequence[Finding]:
    try:
        assembly, storage = invocation.assembly, invocation.storage
        require_room(assembly.settings.server.workers, storage)
    except ConfigurationError as error:
        return [_unusable(fault) for fault in error.faults]
    except StartError as error:
        return [_unusable(str(error))]
    # What would be logged on the way is among the findings.
    return invocation.run(lambda: examine(assembly, storage, invocation.environ), log_level="error")


def _unusable(fault: str) -> Finding:
    return Finding(
        about="configuration",
        verdict="problem",
        detail=fault,
        remedy="Correct it; agentbox would not start, so nothing else was looked at.",
    )


def _print(findings: Sequence[Finding], counts: Counter[str], console: Console) -> None:
    for finding in findings:
        line = f"{finding.verdict:8}{finding.about}: {finding.detail}"
        console.print(line, style=STYLES[finding.verdict], soft_wrap=True)
        if finding.remedy:
            console.print(f"{'':8}{finding.remedy}", soft_wrap=True)
    console.print(
        f"{counts['ok']} ok, warnings: {counts['warning']}, problems: {counts['problem']}"
    )
