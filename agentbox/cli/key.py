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
from agentbox.core.keys.api_keys import MadeKey
from agentbox.core.keys.making import NewApiKey
from agentbox.core.keys.usage import KeyUsage, Step, span_of
from agentbox.core.paging import Asked, Found
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, NotFound, ValidationFailed
from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKey, ApiKeyState
from agentbox.model.times import parse_duration


def _entries(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, Permission]:
    """`<environment id>=<permission>`, each environment once."""
    entries: dict[str, Permission] = {}
    for value in values:
        environment_id, _, permission = value.rpartition("=")
        if not environment_id or permission not in set(Permission):
            raise click.BadParameter(f"{value!r} is not ID=viewer, ID=editor or ID=owner.")
        if environment_id in entries:
            raise click.BadParameter(f"{environment_id!r} is named twice.")
        entries[environment_id] = Permission(permission)
    return entries


def _duration(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.group()
def key() -> None:
    """Make, show, rotate and revoke API keys; works beside a running server."""


@key.command()
@click.argument("username")
@click.option("--name", help="What the key is for.")
@click.option("--description", help="More about it.")
@click.option("--scope", "scopes", multiple=True, help="A scope; repeat for more. Else read-only.")
@click.option("--days", type=click.IntRange(1, 36500), help="How many days it lasts.")
@click.option(
    "--all-environments",
    type=click.Choice([permission.value for permission in Permission]),
    help="The most it may do on every environment of its owner; else viewer.",
)
@click.option(
    "--environment",
    "entries",
    callback=_entries,
    metavar="ID=PERMISSION",
    multiple=True,
    help="The most it may do on this environment, and on no other; repeat for more.",
)
@click.option("--cidr", "cidrs", multiple=True, help="A network it may come from; repeat for more.")
@click.option("--rate", help="How often it may be used, such as 100/minute.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def create(
    invocation: Invocation,
    username: str,
    name: str | None,
    description: str | None,
    scopes: tuple[str, ...],
    days: int | None,
    all_environments: str | None,
    entries: dict[str, Permission],
    cidrs: tuple[str, ...],
    rate: str | None,
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
            description=description,
            scopes=frozenset(scopes) or None,
            expires_at=runtime.clock.now() + timedelta(days=days) if days else None,
            all_environments=Permission(all_environments) if all_environments else None,
            permissions=entries or None,
            allowed_cidrs=cidrs or None,
            rate_limit=rate,
        )
        return await runtime.api_keys.create(OPERATOR, NOWHERE, new, owner_id=owner.id)

    _tell(invocation.with_runtime(work), as_json)


@key.command("list")
@click.option("--user", "username", help="Only the keys of this user.")
@click.option("--state", type=click.Choice([state.value for state in ApiKeyState]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def list_keys(
    invocation: Invocation, username: str | None, state: str | None, as_json: bool
) -> None:
    """List API keys, newest first; --json says all about them."""

    async def work(runtime: Runtime) -> tuple[Found[ApiKey], Table]:
        owner = await runtime.users.by_name(username) if username else None
        found = await runtime.api_keys.list(
            OPERATOR,
            Asked(PAGE),
            user_id=owner.id if owner else None,
            everyone=owner is None,
            state=ApiKeyState(state) if state else None,
        )
        names = await _names(runtime, found.rows)
        return found, table(found.rows, names, runtime.clock.now())

    found, shown = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"api_keys": found.rows, "total": found.total}))
        return
    invocation.console.print(shown)
    if found.total > len(found.rows):
        click.echo(f"… and {found.total - len(found.rows)} more; narrow the list.")


@key.command()
@click.argument("key_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def show(invocation: Invocation, key_id: str, as_json: bool) -> None:
    """Show all about the API key with this id, but the key."""

    async def work(runtime: Runtime) -> tuple[ApiKey, Table]:
        found = await runtime.api_keys.get(OPERATOR, key_id)
        return found, details(found, await _names(runtime, [found]), runtime.clock.now())

    found, shown = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        invocation.console.print(shown)


@key.command()
@click.argument("key_id")
@click.option(
    "--overlap",
    callback=_duration,
    default="1h",
    show_default=True,
    help="How long the old key goes on; 0 revokes it at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def rotate(invocation: Invocation, key_id: str, overlap: timedelta, as_json: bool) -> None:
    """Replace the API key with this id by a new one with the same rights; it is shown once."""

    async def work(runtime: Runtime) -> MadeKey:
        return await runtime.api_keys.rotate(OPERATOR, NOWHERE, key_id, overlap)

    _tell(invocation.with_runtime(work), as_json)


@key.command()
@click.argument("key_id")
@click.option(
    "--days", type=click.IntRange(1, 90), default=1, show_default=True, help="How many days back."
)
@click.option("--by-day", is_flag=True, help="A line for a day, as always over 40 days.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def usage(invocation: Invocation, key_id: str, days: int, by_day: bool, as_json: bool) -> None:
    """Tell how often the API key with this id was used, by full hours or days in UTC."""
    step = Step.DAY if by_day or days > 40 else Step.HOUR

    async def work(runtime: Runtime) -> KeyUsage:
        now = runtime.clock.now()
        span = span_of(now - timedelta(days=days), now, step, now)
        return await runtime.api_keys.usage(OPERATOR, key_id, span)

    found = invocation.with_runtime(work)
    if as_json:
        points = [{"timestamp": hour, "count": uses} for hour, uses in found.points]
        click.echo(msgspec.json.encode({"api_key_id": key_id, "usage": points}))
        return
    for hour, uses in found.points:
        click.echo(f"{hour:%Y-%m-%d %H:%M}  {uses}")
    if not found.points:
        click.echo("Not used in that time.")


@key.command()
@click.argument("key_id")
@click.pass_obj
def revoke(invocation: Invocation, key_id: str) -> None:
    """Revoke the API key with this id."""

    async def work(runtime: Runtime) -> None:
        await runtime.api_keys.revoke(OPERATOR, NOWHERE, key_id)

    invocation.with_runtime(work)
    click.echo(f"{key_id} is revoked.")


def _tell(made: MadeKey, as_json: bool) -> None:
    text = made.text.reveal()
    if as_json:
        click.echo(msgspec.json.encode({"key": text, "api_key": made.record}))
    else:
        click.echo(text)
        click.echo(f"Id {made.record.id}. It is shown this once.", err=True)


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


def details(found: ApiKey, owners: Mapping[str, str], now: datetime) -> Table:
    """One key, a line for each thing there is to say of it."""
    entries = [f"{each.environment_id}={each.permission}" for each in found.permissions]
    lines = {
        "id": found.id,
        "user": owners.get(found.user_id, found.user_id),
        "name": found.name,
        "description": found.description,
        "begins with": found.key_prefix,
        "scopes": "\n".join(found.scopes),
        "all environments": found.all_environments or "none",
        "environments": "\n".join(entries),
        "comes from": "\n".join(found.allowed_cidrs),
        "rate": found.rate_limit,
        "in the place of": found.rotated_from,
        "made": format(found.created_at, "%Y-%m-%d %H:%M"),
        "last used": format(found.last_used, "%Y-%m-%d %H:%M") if found.last_used else "never",
        "until": _until(found, now),
    }
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in lines.items():
        if value:
            shown.add_row(name, value)
    return shown


def _until(each: ApiKey, now: datetime) -> str:
    if each.revoked_at is not None:
        return "revoked"
    if each.expires_at is None:
        return "no end"
    return "expired" if each.expires_at <= now else format(each.expires_at, "%Y-%m-%d")
