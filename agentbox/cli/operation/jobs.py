"""`agentbox jobs`: what a server runs on a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
import msgspec
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.cli.user import NOWHERE, OPERATOR
from agentbox.core.background.jobs import JobView
from agentbox.core.runtime import Runtime

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.group()
def jobs() -> None:
    """What servers run on a schedule; works beside a running server."""


@jobs.command("list")
@AS_JSON
@click.pass_obj
def list_jobs(invocation: Invocation, as_json: bool) -> None:
    """List jobs, when each runs next, and what became of its last run; times are UTC.

    Of a job that every process runs for itself only a process knows more than its schedule.
    """

    async def work(runtime: Runtime) -> Sequence[JobView]:
        return await runtime.jobs.list(OPERATOR)

    found = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"jobs": [_as_json(job) for job in found]}))
    else:
        invocation.console.print(_table(found))


@jobs.command()
@click.argument("name")
@AS_JSON
@click.pass_obj
def run(invocation: Invocation, name: str, as_json: bool) -> None:
    """Ask for a run of a job; a running server begins it within a second or so."""

    async def work(runtime: Runtime) -> JobView:
        return await runtime.jobs.run(OPERATOR, NOWHERE, name)

    asked = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode(_as_json(asked)))
    else:
        click.echo(f"Asked for a run of {asked.name}; see: agentbox jobs list")


def _as_json(job: JobView) -> dict[str, object]:
    """What is known of it, lengths of time in seconds."""
    values = msgspec.structs.asdict(job)
    if job.interval is not None:
        values["interval"] = job.interval.total_seconds()
    return {name: value for name, value in values.items() if value is not None}


def _table(found: Sequence[JobView]) -> Table:
    """At 80 columns: names in one piece, times to the minute."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("job", no_wrap=True)
    shown.add_column("runs")
    for column in ("next", "last", "outcome"):
        shown.add_column(column, no_wrap=True)
    for job in found:
        runs = f"{job.schedule}, in every process" if job.everywhere else job.schedule
        outcome = "running" if job.running else job.last_outcome or ""
        shown.add_row(job.name, runs, _minute(job.next_due), _minute(job.last_started), outcome)
    return shown


def _minute(instant: datetime | None) -> str:
    return "" if instant is None else format(instant, "%m-%d %H:%M")
