"""`agentbox audit`: the trail, from the server's own machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.table import Table

from agentbox.cli.audit.lines import FileTrail, lines_of
from agentbox.cli.invocation import Invocation
from agentbox.cli.user import OPERATOR
from agentbox.core.audit.reading import TrailPage
from agentbox.core.audit.verification import Chunk, StoredTrail, Verdict, verify
from agentbox.core.paging import Asked
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.audit import AuditEvent, AuditFilter
from agentbox.model.times import parse_duration

PAGE = 100


def instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """RFC 3339 with its zone, or how long ago: `7d`."""
    if value is None:
        return None
    try:
        return datetime.now(UTC) - parse_duration(value)
    except (ValueError, OverflowError):
        pass
    try:
        given = datetime.fromisoformat(value)
        if given.tzinfo is not None:
            return given.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise click.BadParameter(f"{value!r} is not an instant such as 2026-01-31T12:00:00Z, nor 7d.")


@click.group()
def audit() -> None:
    """Read, export and verify the trail of what was done and refused."""


@audit.command("list")
@click.option("--actor", help="Who: user:ID, api_key:ID, operator, system or anonymous.")
@click.option("--target", help="About what: user:ID, environment:ID, …")
@click.option("--event", help="What, such as login.refuse.")
@click.option("--result", type=click.Choice(["ok", "denied"]))
@click.option("--since", callback=instant, help="From then on: RFC 3339, or how long ago (7d).")
@click.option("--until", callback=instant, help="Before then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=PAGE, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def list_events(
    invocation: Invocation,
    actor: str | None,
    target: str | None,
    event: str | None,
    result: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was done and refused, newest first."""
    where = AuditFilter(
        actor=actor, target=target, event=event, result=result, start=since, end=until
    )

    async def work(runtime: Runtime) -> TrailPage:
        return await runtime.audit.list(OPERATOR, where, Asked(limit))

    page = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"events": page.events}))
        return
    invocation.console.print(_table(page.events))
    if page.next_cursor is not None:
        click.echo("… and more; narrow the list, or raise --limit.")


def _table(events: Sequence[AuditEvent]) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("time", no_wrap=True)
    for column in ("event", "result, reason", "actor", "target"):
        shown.add_column(column, overflow="fold")
    for event in events:
        time = format(event.time, "%Y-%m-%d %H:%M:%S")
        shown.add_row(time, event.event, _result(event), event.actor, event.target or "")
    return shown


def _result(event: AuditEvent) -> str:
    """With why a login or a credential was refused, which is what one looks for."""
    reason = event.details.get("reason")
    return event.result if reason is None else f"{event.result}\n{reason}"


@audit.command()
@click.pass_obj
def export(invocation: Invocation) -> None:
    """Print the whole trail with its seals, a JSON object a line, oldest first.

    `agentbox audit verify --file` verifies it later, with the root secret alone.
    """

    async def work(runtime: Runtime) -> None:
        trail = StoredTrail(runtime.storage)
        after, is_last = 0, False
        last: Chunk | None = None
        while not is_last:
            chunk = await trail.chunk(after)
            for line in lines_of(chunk, is_first=last is None):
                click.echo(line)
            after = chunk.entries[-1].seq if chunk.entries else after
            last, is_last = chunk, chunk.is_last

    invocation.with_runtime(work)


@audit.command("verify")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Verify what `agentbox audit export` printed, instead of the database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def verify_trail(invocation: Invocation, path: Path | None, as_json: bool) -> None:
    """Exit with 1 unless every row is the one that was sealed, in its place."""

    async def work(runtime: Runtime) -> Verdict:
        trail = StoredTrail(runtime.storage) if path is None else FileTrail(_read(path))
        return await verify(trail, runtime.auditing.chain)

    verdict = invocation.with_runtime(work)
    click.echo(_as_json(verdict) if as_json else _told(verdict))
    if verdict.faults:
        click.get_current_context().exit(1)


def _read(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        fault = FieldFault("/file", f"can't be read: {error.strerror}")
        raise ValidationFailed(errors=[fault]) from None


def _as_json(verdict: Verdict) -> bytes:
    return msgspec.json.encode(
        {
            "whole": not verdict.faults,
            "sealed": verdict.sealed,
            "unsealed": verdict.unsealed,
            "head": verdict.head and {"seq": verdict.head.seq, "mac": verdict.head.mac.hex()},
            "cut_upto": verdict.anchor.seq if verdict.anchor else 0,
            "faults": [fault._asdict() for fault in verdict.faults],
        }
    )


def _told(verdict: Verdict) -> str:
    lines = [fault.sentence for fault in verdict.faults]
    if not lines:
        lines.append(f"The audit is whole: {verdict.sealed} rows are as they were sealed.")
    if verdict.unsealed:
        lines.append(f"{verdict.unsealed} rows at the end are not sealed yet.")
    if verdict.anchor is not None:
        lines.append(f"Retention has cut all up to row {verdict.anchor.seq}.")
    if verdict.head is not None:
        lines.append(f"The last seal is of row {verdict.head.seq}: {verdict.head.mac.hex()}")
    return "\n".join(lines)
