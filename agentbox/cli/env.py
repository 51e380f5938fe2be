"""`agentbox env`: environments and who may do what with them, from the server's own machine."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.cli.user import NOWHERE, OPERATOR, PAGE
from agentbox.core.environments.environments import View
from agentbox.core.environments.fields import NewEnvironment
from agentbox.core.environments.permissions import UserRef
from agentbox.core.paging import Asked, Found
from agentbox.core.runtime import Runtime
from agentbox.model.access.roles import Permission
from agentbox.model.environments import Environment, EnvironmentFilter, EnvironmentStatus, Grant

PERMISSION = click.Choice([permission.value for permission in Permission])
STATUS = click.Choice([status.value for status in EnvironmentStatus])
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.group()
def env() -> None:
    """Register and share environments; works beside a running server."""


@env.command()
@click.argument("name")
@click.option("--owner", required=True, help="The user whose environment it is.")
@click.option("--image", default="", help="What the orchestrator runs in it.")
@click.option("--label", "labels", multiple=True, help="NAME=VALUE; repeat for more.")
@AS_JSON
@click.pass_obj
def create(
    invocation: Invocation,
    name: str,
    owner: str,
    image: str,
    labels: tuple[str, ...],
    as_json: bool,
) -> None:
    """Register an environment called NAME; its owner becomes owner."""
    named = dict(_label(text) for text in labels)

    async def work(runtime: Runtime) -> View:
        user = await runtime.users.by_name(owner)
        new = NewEnvironment(name=name, image=image, labels=named, user_id=user.id)
        return await runtime.environments.create(OPERATOR, NOWHERE, new)

    made = invocation.with_runtime(work).environment
    if as_json:
        click.echo(msgspec.json.encode(made))
    else:
        click.echo(f"Registered {made.name}, id {made.id}.")


@env.command("list")
@click.option("--user", "username", help="Only those that this user was granted.")
@click.option("--status", type=STATUS)
@click.option("--search", help="A part of the name.")
@click.option("--label", help="NAME=VALUE.")
@AS_JSON
@click.pass_obj
def list_environments(
    invocation: Invocation,
    username: str | None,
    status: str | None,
    search: str | None,
    label: str | None,
    as_json: bool,
) -> None:
    """List environments, newest first."""

    async def work(runtime: Runtime) -> Found[View]:
        user = await runtime.users.by_name(username) if username else None
        where = EnvironmentFilter(
            status=EnvironmentStatus(status) if status else None,
            search=search,
            label=_label(label) if label else None,
            granted_to=user.id if user else None,
        )
        return await runtime.environments.list(OPERATOR, where, Asked(PAGE))

    found = invocation.with_runtime(work)
    environments = [view.environment for view in found.rows]
    if as_json:
        click.echo(msgspec.json.encode({"environments": environments, "total": found.total}))
        return
    invocation.console.print(table(environments))
    if found.total > len(environments):
        click.echo(f"… and {found.total - len(environments)} more; narrow the list.")


@env.command()
@click.argument("environment_id")
@AS_JSON
@click.pass_obj
def permissions(invocation: Invocation, environment_id: str, as_json: bool) -> None:
    """List who may do what with the environment of that id."""

    async def work(runtime: Runtime) -> tuple[Sequence[Grant], Table]:
        found = await runtime.permissions.on_environment(OPERATOR, environment_id, Asked(PAGE))
        shown = Table(box=None, pad_edge=False)
        for column in ("user", "permission", "since"):
            shown.add_column(column)
        for grant in found.rows:
            user = await runtime.users.get(grant.user_id)
            since = format(grant.granted_at, "%Y-%m-%d")
            shown.add_row(user.username, grant.permission.value, since)
        return found.rows, shown

    grants, shown = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"permissions": grants}))
    else:
        invocation.console.print(shown)


@env.command()
@click.argument("environment_id")
@click.argument("username")
@click.argument("permission", type=PERMISSION)
@click.pass_obj
def share(invocation: Invocation, environment_id: str, username: str, permission: str) -> None:
    """Give USERNAME a permission on the environment, or another one than it has."""
    wanted = Permission(permission)

    async def work(runtime: Runtime) -> None:
        user = await runtime.users.by_name(username)
        there = await runtime.permissions.one(OPERATOR, environment_id, user.id)
        at = (OPERATOR, NOWHERE, environment_id)
        if there is None:
            await runtime.permissions.give(*at, UserRef(user.id), wanted)
        else:
            await runtime.permissions.change(*at, user.id, wanted)

    invocation.with_runtime(work)
    click.echo(f"{username} is {permission} of {environment_id}.")


@env.command()
@click.argument("environment_id")
@click.argument("username")
@click.pass_obj
def unshare(invocation: Invocation, environment_id: str, username: str) -> None:
    """Take USERNAME's permission on the environment away."""

    async def work(runtime: Runtime) -> None:
        user = await runtime.users.by_name(username)
        await runtime.permissions.take(OPERATOR, NOWHERE, environment_id, user.id)

    invocation.with_runtime(work)
    click.echo(f"{username} has no permission on {environment_id} any more.")


@env.command()
@click.argument("environment_id")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def delete(invocation: Invocation, environment_id: str, yes: bool) -> None:
    """Delete the environment of that id with all permissions on it."""
    if not yes:
        click.confirm(f"Delete {environment_id} with all permissions on it?", abort=True)

    async def work(runtime: Runtime) -> None:
        await runtime.environments.delete(OPERATOR, NOWHERE, environment_id)

    invocation.with_runtime(work)
    click.echo(f"{environment_id} is deleted.")


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--label")
    return name, value


def table(environments: Sequence[Environment]) -> Table:
    """The environments at 80 columns: ids in one piece, names folded."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("name", overflow="fold")
    shown.add_column("status", no_wrap=True)
    shown.add_column("created", no_wrap=True)
    shown.add_column("id", no_wrap=True)
    for each in environments:
        shown.add_row(each.name, each.status.value, format(each.created_at, "%Y-%m-%d"), each.id)
    return shown
