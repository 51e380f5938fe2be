"""`agentbox secret new`: secrets that are worth the name."""

from __future__ import annotations

import base64
import secrets

import click

_BYTES = 32


@click.group("secret")
def secret() -> None:
    """Make secrets."""


@secret.command("new")
@click.option(
    "--kind",
    type=click.Choice(["root", "jwt"]),
    default="root",
    show_default=True,
    help="For AGENTBOX_SECRET_KEY (root) or AGENTBOX_JWT_SECRET (jwt).",
)
def new(kind: str) -> None:
    """Print a new secret: base64 of 32 random bytes.

    Nothing is stored; put it where the server reads it, such as a file named by
    AGENTBOX_SECRET_KEY_FILE that only the server may read.
    """
    # Both kinds are 256 random bits. The root secret is decoded before use; the UTF-8 bytes of
    # the JWT secret are the key itself (RFC 7518 section 3.2), 44 of them here.
    del kind
    click.echo(base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii"))
