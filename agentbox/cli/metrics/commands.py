"""`agentbox metrics`: what was measured, from the server's own machine."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import click
import msgspec
from msgspec.structs import replace

from agentbox.cli.audit.commands import instant
from agentbox.cli.invocation import Invocation
from agentbox.cli.metrics.drawing import Drawing
from agentbox.cli.user import OPERATOR
from agentbox.core.charts.plan import DEFAULT_SPAN, Asked
from agentbox.core.charts.series import Series, charts_of
from agentbox.core.runtime import Runtime
from agentbox.model.metrics import Aggregate
from agentbox.web.handlers.shapes.metrics import SeriesOut, csv_of, series_out

AGGREGATE = click.Choice([aggregate.value for aggregate in Aggregate])


@click.group()
def metrics() -> None:
    """Look at what was measured; works beside a running server."""


@metrics.command()
@click.argument("type_", metavar="TYPE")
@click.option("--env", "environment_id", help="Of this environment, not of all together.")
@click.option("--since", callback=instant, help="RFC 3339, or how long ago (6h); by default 1d.")
@click.option("--until", callback=instant, help="Until then, by default until now.")
@click.option("--step", help="From one point to the next (5m); by default as fine as fits.")
@click.option("--agg", type=AGGREGATE, help="How the samples of a step become one value.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--ascii", "in_ascii", is_flag=True, help="Draw with letters alone.")
@click.pass_obj
def show(
    invocation: Invocation,
    type_: str,
    environment_id: str | None,
    since: datetime | None,
    until: datetime | None,
    step: str | None,
    agg: str | None,
    as_csv: bool,
    as_json: bool,
    in_ascii: bool,
) -> None:
    """Draw the series of TYPE, such as cpu_usage; times are UTC.

    A step in which nothing was measured stays empty.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json can't be given together.")
    console = invocation.console
    drawing = Drawing(console.width, in_ascii=in_ascii or console.options.ascii_only)
    asked = Asked(
        start=since, end=until, step=step, aggregate=Aggregate(agg) if agg is not None else None
    )

    async def work(runtime: Runtime) -> Series | SeriesOut:
        series = partial(charts_of(runtime).series, OPERATOR, type_, environment_id)
        if as_csv or as_json:
            return await series_out(await series(asked))
        return await series(_drawn(asked, drawing.columns, runtime.clock.now()))

    shown = invocation.with_runtime(work, sources=True)
    if isinstance(shown, Series):
        for line in drawing.lines(shown):
            click.echo(line)
    elif as_csv:
        click.echo(b"".join(csv_of(shown)), nl=False)
    else:
        click.echo(msgspec.json.encode(shown))


def _drawn(asked: Asked, columns: int, now: datetime) -> Asked:
    """What fits: at most a point for each column, of several days each if it must be."""
    if asked.step is not None:
        return asked
    end = min(asked.end or now, now)
    days = (end - (asked.start or end - DEFAULT_SPAN)) // timedelta(days=1) + 1
    if days >= columns:
        return replace(asked, step=f"{-(-days // (columns - 1))}d")
    return replace(asked, most=columns)
