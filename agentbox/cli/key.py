"""`agentbox key`: API keys, from the server's own machine."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import click
import msgspec
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.cli.user import NOWHERE, OPERATOR, PAGE
from agentbox.core.keys.api_keys import ApiKeyList, MadeKey, NewApiKey
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, NotFound, ValidationFailed
from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKey, ApiKeyState
from agentbox.plugin.storage import Page


@click.group()
def key() -> None:
    """Make, list and revoke API keys; works beside a running server."""


@key.command()
@click.argument("username")
@click.option("--name", help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, help="A scope; repeat for more. Else read-only.")
@click.option("--days", type=click.IntRange(1, 36500), help="How many days it lasts.")
@click.option(
    "--all-environments",
    type=click.Choice([permission.value for permission in Permission]),
    help="The most it may do on every environment of its owner; else viewer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def create(
    invocation: Invocation,
    username: str,
    name: str | None,
    scopes: tuple[str, ...],
    days: int | None,
    all_environments: str | None,
    as_json: bool,
) -> None:
    """Make an API key for USERNAME; it is shown once."""

    async def work(runtime: Runtime) -> MadeKey:
        unknown = [scope for scope in scopes if scope not in runtime.scopes.rules]
        if unknown:
            fault = FieldFault("/scope", f"{unknown[0]!r} is not a scope")
            raise ValidationFailed(errors=[fault])
        owner = await runtime.users.by_name(username)
        new = NewApiKey(
            name=name,
            scopes=frozenset(scopes) or None,
            expires_at=runtime.clock.now() + timedelta(days=days) if days else None,
            all_environments=Permission(all_environments) if all_environments else None,
        )
        return await runtime.api_keys.create(OPERATOR, NOWHERE, new, owner_id=owner.id)

    made = invocation.with_runtime(work)
    text = made.text.reveal()
    if as_json:
        click.echo(msgspec.json.encode({"key": text, "api_key": made.record}))
    else:
        click.echo(text)
        click.echo(f"Id {made.record.id}. It is shown this once.", err=True)


@key.command("list")
@click.option("--user", "username", help="Only the keys of this user.")
@click.option("--state", type=click.Choice([state.value for state in ApiKeyState]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def list_keys(
    invocation: Invocation, username: str | None, state: str | None, as_json: bool
) -> None:
    """List API keys, newest first; --json says all about them."""

    async def work(runtime: Runtime) -> tuple[ApiKeyList, Table]:
        owner = await runtime.users.by_name(username) if username else None
        found = await runtime.api_keys.list(
            OPERATOR,
            Page(PAGE),
            user_id=owner.id if owner else None,
            everyone=owner is None,
            state=ApiKeyState(state) if state else None,
        )
        names = await _names(runtime, found.api_keys)
        return found, table(found.api_keys, names, runtime.clock.now())

    found, shown = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"api_keys": found.api_keys, "total": found.total}))
        return
    invocation.console.print(shown)
    if found.total > len(found.api_keys):
        click.echo(f"… and {found.total - len(found.api_keys)} more; narrow the list.")


@key.command()
@click.argument("key_id")
@click.pass_obj
def revoke(invocation: Invocation, key_id: str) -> None:
    """Revoke the API key with this id."""

    async def work(runtime: Runtime) -> None:
        await runtime.api_keys.revoke(OPERATOR, NOWHERE, key_id)

    invocation.with_runtime(work)
    click.echo(f"{key_id} is revoked.")


async def _names(runtime: Runtime, keys: Sequence[ApiKey]) -> Mapping[str, str]:
    """Usernames by id; without one who was deleted since."""
    names: dict[str, str] = {}
    for user_id in {each.user_id for each in keys}:
        with contextlib.suppress(NotFound):
            names[user_id] = (await runtime.users.get(user_id)).username
    return names


def table(keys: Sequence[ApiKey], owners: Mapping[str, str], now: datetime) -> Table:
    """The keys at 80 columns: ids and dates in one piece, scopes by their number."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("id", no_wrap=True)
    shown.add_column("user", overflow="fold")
    shown.add_column("name", overflow="fold")
    shown.add_column("scopes", no_wrap=True)
    shown.add_column("last used", no_wrap=True)
    shown.add_column("until", no_wrap=True)
    for each in keys:
        used = format(each.last_used, "%Y-%m-%d") if each.last_used else "never"
        owner = owners.get(each.user_id, each.user_id)
        until = _until(each, now)
        shown.add_row(each.id, owner, each.name or "", str(len(each.scopes)), used, until)
    return shown


def _until(each: ApiKey, now: datetime) -> str:
    if each.revoked_at is not None:
        return "revoked"
    if each.expires_at is None:
        return "no end"
    return "expired" if each.expires_at <= now else format(each.expires_at, "%Y-%m-%d")
