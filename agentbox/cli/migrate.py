"""`agentbox migrate`: the database's schema."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import click
import msgspec
from rich.console import Console
from rich.table import Column, Table

from agentbox.plugin.migrations import MigrationFolder, SchemaStatus, is_additive, require_known
from agentbox.plugin.storage import Storage


class _Loaded(Protocol):
    """What these commands need of the root command's object."""

    @property
    def storage(self) -> Storage: ...
    @property
    def migration_folders(self) -> Sequence[MigrationFolder]: ...
    @property
    def console(self) -> Console: ...
    def ensure_root_secret(self) -> None: ...


_MEANINGS = {
    "applied": "",
    "pending": "will be applied by `agentbox migrate up`",
    "additive": "pending; older versions may run meanwhile and after",
    "ahead": "applied by a newer version than this one",
    "drifted": "its file has been edited since it was applied",
    "out_of_order": "a later one of the same plugin is applied",
    "newer": "applied by a newer version; this one may run beside it",
    "orphaned": "its plugin is not enabled; does no harm",
}


@click.group()
def migrate() -> None:
    """See and change the schema of the database."""


@migrate.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show which migrations are applied and which are not."""
    loaded = _loaded()
    found = loaded.storage.schema_status(loaded.migration_folders)
    if as_json:
        answer = {"current": found.current, **msgspec.to_builtins(found)}
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
        return
    loaded.console.print(_table(found))
    loaded.console.print(_verdict(found))


@migrate.command()
def up() -> None:
    """Apply all that is pending."""
    loaded = _loaded()
    loaded.ensure_root_secret()
    done = loaded.storage.migrate(loaded.migration_folders)
    _report(loaded.console, "Applied", done)


@migrate.command()
@click.argument("migration", required=False)
@click.option("--all", "everything", is_flag=True, help="Roll back every migration.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def down(migration: str | None, everything: bool, yes: bool) -> None:
    """Roll back everything that was applied after MIGRATION, the last first.

    Shows what that is, and asks.
    """
    if everything == (migration is not None):
        raise click.UsageError("Name the migration to go back to, or say --all.")
    loaded = _loaded()
    found = loaded.storage.schema_status(loaded.migration_folders)
    require_known(found)
    to_go = found.rollback(migration or "")
    if to_go and not yes:
        _report(loaded.console, "Will roll back", to_go)
        click.confirm("This deletes tables and what is in them. Go on?", abort=True)
    done = loaded.storage.migrate(loaded.migration_folders, down_to=migration or "")
    _report(loaded.console, "Rolled back", done)


@migrate.command()
@click.option("--integrity", is_flag=True, help="Read all that is stored, and look for damage.")
def check(integrity: bool) -> None:
    """Exit with 1 unless the database is exactly at this program's schema, and whole."""
    loaded = _loaded()
    found = loaded.storage.schema_status(loaded.migration_folders)
    loaded.console.print(_verdict(found))
    whole = not integrity or _is_whole(loaded)
    if not (found.current and whole):
        click.get_current_context().exit(1)


def _is_whole(loaded: _Loaded) -> bool:
    """True if the database finds no damage; says what it finds."""
    faults = asyncio.run(loaded.storage.check_integrity())
    for fault in faults or ["The database finds no damage."]:
        loaded.console.print(fault, highlight=False, markup=False)
    return not faults


def _loaded() -> _Loaded:
    loaded: _Loaded = click.get_current_context().obj
    return loaded


def _report(console: Console, verb: str, ids: Sequence[str]) -> None:
    for id_ in ids:
        console.print(f"{verb} {id_}", highlight=False)
    if not ids:
        console.print("There was nothing to do.")


def _states(status: SchemaStatus) -> list[tuple[str, str]]:
    """Each id with its worst state; drift is of applied ones, out of order of pending ones."""
    worse = {
        **{id_: "additive" for id_ in status.pending if is_additive(id_)},
        **dict.fromkeys(status.drifted, "drifted"),
        **dict.fromkeys(status.out_of_order, "out_of_order"),
    }
    return [
        (id_, worse.get(id_, state))
        for state in ("applied", "pending", "ahead", "newer", "orphaned")
        for id_ in getattr(status, state)
    ]


def _table(status: SchemaStatus) -> Table:
    table = Table(Column("Migration", overflow="fold"), Column("State", no_wrap=True), "Meaning")
    for id_, state in _states(status):
        table.add_row(id_, state.replace("_", " "), _MEANINGS[state])
    return table


def _verdict(status: SchemaStatus) -> str:
    if status.current:
        return "The schema is current."
    counts = [
        f"{len(ids)} {word}"
        for word, ids in (
            ("pending", status.pending),
            ("ahead of this program", status.ahead),
            ("drifted", status.drifted),
            ("out of order", status.out_of_order),
        )
        if ids
    ]
    return f"The schema is not current: {', '.join(counts)}."
