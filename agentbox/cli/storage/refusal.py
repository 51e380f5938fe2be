"""How these commands say no: they start nothing, so "agentbox can't start" would be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from agentbox.errors import StartError, StorageError


class Refused(click.ClickException):
    """Exit status 1, and the sentence as other commands refuse."""

    def format_message(self) -> str:
        return self.message

    def show(self, file: object = None) -> None:
        click.echo(f"Refused: {self.format_message()}", err=True)


@contextmanager
def refusing() -> Iterator[None]:
    """What a database or a key refuses is a refusal of the command."""
    try:
        yield
    except (StartError, StorageError) as error:
        raise Refused(str(error)) from error
