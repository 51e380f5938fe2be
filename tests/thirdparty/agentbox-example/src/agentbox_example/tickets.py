"""A ticket is `exm_<user id>.<expiry in seconds>.<HMAC-SHA256 of both, in hex>`."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from agentbox.errors import InvalidCredential
from agentbox.model.access.roles import Permission
from agentbox.model.evidence import (
    Authentication,
    Credential,
    CredentialRef,
    EnvironmentLimit,
    SubjectRef,
)
from agentbox.model.secret import Secret
from agentbox.plugin import AuthenticatorType, Options, RequestAuthenticator, Services

PREFIX = "exm_"

# A ticket is carried about in links, so it opens little, whoever it is for.
SCOPES = frozenset({"self:read", "example:greet"})
ENVIRONMENTS = EnvironmentLimit(all_environments=Permission.VIEWER)


class ExampleOptions(Options, frozen=True):
    """`[plugins.example]`"""

    secret: Secret
    greeting: str = "Hello"

    def check(self) -> list[str]:
        """A secret that can be guessed is refused before anything is served."""
        short = len(self.secret.reveal()) < 32
        return ["secret: at least 32 characters are needed"] if short else []


class Tickets(RequestAuthenticator):
    """Judges tickets."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def recognises(self, credential: Credential) -> bool:
        """A bearer credential that begins with `exm_`."""
        return credential.scheme == "bearer" and credential.value.reveal().startswith(PREFIX)

    async def authenticate(self, credential: Credential) -> Authentication:
        """Who the ticket is for, and what it opens at most; the server works out the rights."""
        text, _, signature = credential.value.reveal().rpartition(".")
        if not hmac.compare_digest(signature, _signature(self._services.options.secret, text)):
            raise InvalidCredential("signature")
        user_id, _, seconds = text.removeprefix(PREFIX).partition(".")
        expires_at = datetime.fromtimestamp(int(seconds), UTC)
        if expires_at <= self._services.clock.now():
            raise InvalidCredential("expired")
        ticket = CredentialRef(
            kind="example:ticket",
            id=signature[:16],
            authenticator_id=self._services.instance_id,
            expires_at=expires_at,
        )
        return Authentication(
            credential=ticket,
            subject=SubjectRef("user", user_id),
            scope_limit=SCOPES,
            environment_limit=ENVIRONMENTS,
        )


def make_ticket(secret: Secret, user_id: str, expires_at: datetime) -> str:
    """A new ticket; the partner's half of this module."""
    text = f"{PREFIX}{user_id}.{int(expires_at.timestamp())}"
    return f"{text}.{_signature(secret, text)}"


def _signature(secret: Secret, text: str) -> str:
    return hmac.digest(secret.reveal().encode(), text.encode(), "sha256").hex()


@asynccontextmanager
async def open_tickets(services: Services) -> AsyncIterator[Tickets]:
    """Nothing to open and nothing to close; a client or a connection would be made here."""
    yield Tickets(services)


TICKET_TYPE = AuthenticatorType(
    name="example-ticket",
    open=open_tickets,
    options=ExampleOptions,
    description="Signed, short-lived tickets",
)
