"""The root of the command line: finds commands without importing them all."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from agentbox import __version__
from agentbox.cli.invocation import Invocation
from agentbox.errors import Problem, StartError, StorageError

COMMANDS: Final = {
    "serve": "agentbox.cli.serving.command:serve",
    "check": "agentbox.cli.check:check",
    "doctor": "agentbox.cli.operation.doctor:doctor",
    "config": "agentbox.cli.config:config",
    "plugins": "agentbox.cli.plugins:plugins",
    "migrate": "agentbox.cli.migrate:migrate",
    "storage": "agentbox.cli.storage.commands:storage",
    "user": "agentbox.cli.user:user",
    "env": "agentbox.cli.env:env",
    "key": "agentbox.cli.key:key",
    "keys": "agentbox.cli.operation.keys:keys",
    "jobs": "agentbox.cli.operation.jobs:jobs",
    "authorize": "agentbox.cli.authorize:authorize",
    "audit": "agentbox.cli.audit.commands:audit",
    "metrics": "agentbox.cli.metrics.commands:metrics",
    "secret": "agentbox.cli.secret:secret",
    "x": "agentbox.cli.extra:extra",
}


class _Commands(click.Group):
    """Imports a command when it is called or described."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings file; else AGENTBOX_CONFIG, else ./agentbox.toml if it is there.",
)
@click.version_option(__version__, prog_name="agentbox")
@click.pass_context
def root(ctx: click.Context, config_path: Path | None) -> None:
    """agentbox: a self-hosted authentication server whose every part is a plugin."""
    ctx.obj = Invocation(config_path, os.environ)


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit status: 0 done, 1 refused, 2 used wrongly, 3 can't start."""
    try:
        # A command's ctx.exit(n) comes back as n; our commands return nothing else.
        status = root.main(args=list(arguments), prog_name="agentbox", standalone_mode=False)
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 1
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except Problem as problem:
        click.echo(f"Refused: {_told(problem)}", err=True)
        return 1
    except (StartError, StorageError) as error:
        click.echo(f"agentbox can't start.\n{error}", err=True)
        return 3
    finally:
        sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _told(problem: Problem) -> str:
    faults = [f"{fault.pointer.strip('/')} {fault.detail}" for fault in problem.errors]
    return "; ".join([problem.detail, *faults]) if faults else problem.detail
