"""`agentbox storage`: the group, backups and restoring."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from agentbox.cli.invocation import Invocation
from agentbox.cli.storage.copying import copy
from agentbox.cli.storage.refusal import refusing
from agentbox.core.keeping.backups import Backups, note_restore
from agentbox.core.runtime import Runtime

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def storage() -> None:
    """Back up what is stored, put it back, move it to another database."""


@storage.command()
@click.argument("destination", type=FILE)
@click.option("--with-key", is_flag=True, help="Copy the key file too, to DESTINATION.key.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.pass_obj
def backup(invocation: Invocation, destination: Path, with_key: bool, force: bool) -> None:
    """Write one moment of the database to DESTINATION, while the server runs.

    The file is whole, checked, on the disk and readable by its owner alone, or it is not there.
    """
    settings = invocation.assembly.settings
    with refusing():
        backups = Backups(invocation.storage, settings.server.secret_key)
        backups.write(destination, with_key=with_key, replace=force)
    click.echo(f"Wrote {destination}.", err=True)
    if with_key:
        click.echo(
            f"Wrote {backups.key_beside(destination)}; keep it apart from the other.", err=True
        )
    elif backups.key_file is not None:
        click.echo(f"Keep {backups.key_file} too: without it the backup is of no use.", err=True)
    else:
        click.echo("Keep AGENTBOX_SECRET_KEY too: without it the backup is of no use.", err=True)


@storage.command()
@click.argument("source", type=FILE)
@click.option("--with-key", is_flag=True, help="Put SOURCE.key in the place of the key file.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def restore(invocation: Invocation, source: Path, with_key: bool, yes: bool) -> None:
    """Put a backup in the place of the database, with the server stopped.

    What it replaces is kept beside it, under a name that says when.
    """
    settings = invocation.assembly.settings
    if not yes:
        click.confirm("What was stored after the backup is not in it. Go on?", abort=True)
    with refusing():
        backups = Backups(invocation.storage, settings.server.secret_key)
        restored = backups.restore(
            source, invocation.migration_folders, at=datetime.now(UTC), with_key=with_key
        )
    click.echo(f"Restored {source}.", err=True)
    for kept in filter(None, (restored.database, restored.key)):
        click.echo(f"What was there is {kept} now; delete it when you don't need it.", err=True)

    async def work(runtime: Runtime) -> None:
        await note_restore(runtime.storage, runtime.clock, source)

    invocation.with_runtime(work)


storage.add_command(copy)
