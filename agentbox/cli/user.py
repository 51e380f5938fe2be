"""`agentbox user`: the people of this server, from its own machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import msgspec
from rich.table import Table

from agentbox.cli.invocation import Invocation
from agentbox.core.paging import Asked, Found
from agentbox.core.people.recovery import IssuedReset
from agentbox.core.people.users import NewUser, UserEdit
from agentbox.core.runtime import Runtime
from agentbox.model.access.roles import Role
from agentbox.model.principal import Operator, Origin
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.times import format_instant
from agentbox.model.users import Status, User, UserFilter

OPERATOR = Operator()
NOWHERE = Origin()
ROLE = click.Choice([role.value for role in Role])
STATUS = click.Choice([status.value for status in Status])

PAGE = 1000


@click.group()
def user() -> None:
    """Add, list and change users; works beside a running server."""


@user.command()
@click.argument("username")
@click.option("--email", help="An e-mail address; they may sign in with it.")
@click.option("--role", type=ROLE, default=Role.USER.value, show_default=True)
@click.option("--no-password", is_flag=True, help="Don't ask for a password; none can sign in.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def add(
    invocation: Invocation,
    username: str,
    email: str | None,
    role: str,
    no_password: bool,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Add a user; asks for the password."""
    password = None if no_password else read_password(password_stdin)
    new = NewUser(username=username, email=email, role=Role(role), password=password)

    async def work(runtime: Runtime) -> User:
        return await runtime.users.create(OPERATOR, NOWHERE, new)

    _tell(invocation.with_runtime(work), as_json, "Added")


@user.command("list")
@click.option("--role", type=ROLE)
@click.option("--status", type=STATUS)
@click.option("--search", help="A part of the name or the e-mail address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def list_users(
    invocation: Invocation,
    role: str | None,
    status: str | None,
    search: str | None,
    as_json: bool,
) -> None:
    """List users, newest first."""
    where = UserFilter(
        role=Role(role) if role else None,
        status=Status(status) if status else None,
        search=search,
    )

    async def work(runtime: Runtime) -> Found[User]:
        return await runtime.users.list(where, Asked(PAGE))

    found = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"users": found.rows, "total": found.total}))
        return
    invocation.console.print(table(found.rows))
    if found.total > len(found.rows):
        click.echo(f"… and {found.total - len(found.rows)} more; narrow the list.")


@user.command("set-password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def set_password(invocation: Invocation, username: str, password_stdin: bool) -> None:
    """Set a user's password; ends all of its sessions, and its sign-ins elsewhere are gone."""
    password = read_password(password_stdin)
    _edit(invocation, username, UserEdit(password=password))
    click.echo(f"Password of {username} set; its sessions and sign-ins elsewhere are gone.")


@user.command("role")
@click.argument("username")
@click.argument("role", type=ROLE)
@click.pass_obj
def set_role(invocation: Invocation, username: str, role: str) -> None:
    """Give a user another role; counts from its next request on.

    A new admin whose account an e-mail address has ever opened needs `user reset` afterwards.
    """
    changed = _edit(invocation, username, UserEdit(role=Role(role)))
    click.echo(f"{changed.username} is {changed.role.value} now.")


@user.command()
@click.argument("username")
@click.pass_obj
def disable(invocation: Invocation, username: str) -> None:
    """Disable a user: its sessions end for good, its API keys rest."""
    _edit(invocation, username, UserEdit(status=Status.INACTIVE))
    click.echo(f"{username} is disabled.")


@user.command()
@click.argument("username")
@click.pass_obj
def enable(invocation: Invocation, username: str) -> None:
    """Enable a user; its API keys work again."""
    _edit(invocation, username, UserEdit(status=Status.ACTIVE))
    click.echo(f"{username} is enabled.")


@user.command()
@click.argument("username")
@click.pass_obj
def suspend(invocation: Invocation, username: str) -> None:
    """Suspend a user: as disable, with a status of its own."""
    _edit(invocation, username, UserEdit(status=Status.SUSPENDED))
    click.echo(f"{username} is suspended.")


@user.command()
@click.argument("username")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def reset(invocation: Invocation, username: str, as_json: bool) -> None:
    """Take a password away; prints a secret that signs in once in its place."""

    async def work(runtime: Runtime) -> IssuedReset:
        found = await runtime.users.by_name(username)
        return await runtime.recovery.reset(OPERATOR, NOWHERE, found.id)

    issued = invocation.with_runtime(work)
    secret, until = issued.secret.reveal(), format_instant(issued.expires_at)
    if as_json:
        click.echo(msgspec.json.encode({"secret": secret, "expires_at": until}))
    else:
        click.echo(secret)
        click.echo(f"Good once as the password of {username}, until {until}.", err=True)


@user.command()
@click.argument("username")
@click.pass_obj
def unlock(invocation: Invocation, username: str) -> None:
    """Lift the throttling of failed logins."""

    async def work(runtime: Runtime) -> User:
        found = await runtime.users.by_name(username)
        return await runtime.recovery.unlock(OPERATOR, NOWHERE, found.id)

    invocation.with_runtime(work)
    click.echo(f"{username} is not throttled.")


@user.command()
@click.argument("username")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def sessions(invocation: Invocation, username: str, as_json: bool) -> None:
    """List a user's live sessions, newest first."""

    async def work(runtime: Runtime) -> Found[Session]:
        found = await runtime.users.by_name(username)
        return await runtime.sessions.list_of(OPERATOR, found.id, Asked(PAGE))

    found = invocation.with_runtime(work)
    if as_json:
        click.echo(msgspec.json.encode({"sessions": found.rows, "total": found.total}))
        return
    invocation.console.print(session_table(found.rows))
    if found.total > len(found.rows):
        click.echo(f"… and {found.total - len(found.rows)} more.")


@user.command("end-sessions")
@click.argument("username")
@click.pass_obj
def end_sessions(invocation: Invocation, username: str) -> None:
    """End all sessions of a user; its password and API keys stay good."""

    async def work(runtime: Runtime) -> int:
        found = await runtime.users.by_name(username)
        return await runtime.sessions.end_all_of(OPERATOR, NOWHERE, found.id)

    click.echo(f"Sessions of {username} ended: {invocation.with_runtime(work)}.")


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def delete(invocation: Invocation, username: str, yes: bool) -> None:
    """Delete a user with its sessions and API keys."""
    if not yes:
        click.confirm(f"Delete {username} with all sessions and API keys?", abort=True)

    async def work(runtime: Runtime) -> None:
        found = await runtime.users.by_name(username)
        await runtime.users.delete(OPERATOR, NOWHERE, found.id)

    invocation.with_runtime(work)
    click.echo(f"{username} is deleted.")


def read_password(from_stdin: bool) -> Secret:
    """From a prompt that shows nothing, or one line of standard input; never from the arguments."""
    if from_stdin:
        text = sys.stdin.readline()
        return Secret(text.removesuffix("\n").removesuffix("\r"))
    return Secret(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _edit(invocation: Invocation, username: str, edit: UserEdit) -> User:
    async def work(runtime: Runtime) -> User:
        found = await runtime.users.by_name(username)
        return await runtime.users.edit(OPERATOR, NOWHERE, found.id, edit)

    return invocation.with_runtime(work)


def _tell(made: User, as_json: bool, done: str) -> None:
    if as_json:
        click.echo(msgspec.json.encode(made))
    else:
        click.echo(f"{done} {made.username} ({made.role.value}), id {made.id}.")


def table(users: Sequence[User]) -> Table:
    """The users at 80 columns: ids, roles and dates in one piece; an e-mail below its user."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("username, e-mail", overflow="fold")
    shown.add_column("role, status")
    shown.add_column("last login", no_wrap=True)
    shown.add_column("id", no_wrap=True)
    for each in users:
        last = format(each.last_login, "%Y-%m-%d") if each.last_login else "never"
        role = each.role.value if each.active else f"{each.role.value} {each.status.value}"
        who = "\n".join(filter(None, (each.username, each.email)))
        shown.add_row(who, role, last, each.id)
    return shown


def session_table(sessions: Sequence[Session]) -> Table:
    """The sessions at 80 columns: ids and times in one piece; the client below its address."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("from", overflow="fold")
    shown.add_column("began", no_wrap=True)
    shown.add_column("until", no_wrap=True)
    shown.add_column("id", no_wrap=True)
    for each in sessions:
        began = format(each.created_at, "%Y-%m-%d %H:%M")
        client = "\n".join(filter(None, (each.ip, each.user_agent)))
        shown.add_row(client, began, format(each.expires_at, "%Y-%m-%d"), each.id)
    return shown
