"""`agentbox keys`: the keys that sign access tokens (`agentbox key` is about API keys)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
import msgspec
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.cli.user import NOWHERE, OPERATOR
from agentbox.core.runtime import Runtime
from agentbox.model.signing_keys import SigningKey
from agentbox.model.times import format_instant
from agentbox.plugin.authenticator import IssuerKey

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.group()
def keys() -> None:
    """The keys that sign access tokens; works beside a running server."""


@keys.command("list")
@AS_JSON
@click.pass_obj
def list_keys(invocation: Invocation, as_json: bool) -> None:
    """List signing keys, oldest first, and what each does now."""

    async def work(runtime: Runtime) -> Sequence[IssuerKey]:
        return await runtime.signing_keys.list()

    found = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"keys": found}))
    else:
        invocation.console.print(_table(found))


@keys.command()
@click.option(
    "--compromised",
    is_flag=True,
    help="Somebody else may know the keys: end every token that they signed, now.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@AS_JSON
@click.pass_obj
def rotate(invocation: Invocation, compromised: bool, yes: bool, as_json: bool) -> None:
    """Sign access tokens with a new key.

    It is published at once and signs a minute later, when everybody knows it; tokens signed before
    hold until they expire.
    """
    if compromised and not yes:
        click.confirm("Every access token that is out ends now. Go on?", abort=True)

    async def work(runtime: Runtime) -> SigningKey:
        return await runtime.signing_keys.rotate(OPERATOR, NOWHERE, compromised=compromised)

    made = invocation.with_runtime(work)
    if as_json:
        answer = {"kid": made.id, "signs_from": made.signs_from}
        click.echo(msgspec.json.encode(answer))
    elif made.signs_from is None:
        click.echo(f"Key {made.id} signs from now on; no other key verifies any more.")
    else:
        click.echo(f"Key {made.id} signs from {format_instant(made.signs_from)} on.")


def _table(found: Sequence[IssuerKey]) -> Table:
    """At 80 columns: ids in one piece, times to the minute."""
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "state", "made", "verifies until"):
        shown.add_column(column, no_wrap=True)
    for key in found:
        shown.add_row(key.id, key.state, _minute(key.created_at), _minute(key.retired_at))
    return shown


def _minute(instant: datetime | None) -> str:
    return "" if instant is None else format(instant, "%Y-%m-%d %H:%M")
