"""Recognises this deployment's API keys and says whose they are."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentbox.errors import InvalidCredential
from agentbox.model.api_keys import ApiKey
from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    Credential,
    CredentialRef,
    SubjectRef,
)
from agentbox.plugin import AuthenticatorType, RequestAuthenticator, Services


class ApiKeyAuthenticator(RequestAuthenticator):
    """Judges what only the presented key can show: its form, its checksum, its digest.

    Revocation, expiry, scopes and environments are current state; the core reads them on every
    request. So a good answer may be remembered.
    """

    cacheable = True

    def __init__(self, services: Services) -> None:
        self._format = services.api_key_format
        self._find = services.issued_key
        self._id = services.instance_id

    def recognises(self, credential: Credential) -> bool:
        """Anything that starts as our keys do, in either header."""
        return self._format.recognises(credential.value.reveal())

    async def authenticate(self, credential: Credential) -> Authentication:
        """The owner of the key. Raises `InvalidCredential`, for a wrong checksum without a read."""
        parsed = self._format.parse(credential.value.reveal())
        if parsed is None:
            raise InvalidCredential("malformed")
        issued = await self._find(parsed.id)
        if issued is None:
            raise InvalidCredential("unknown")
        if not hmac.compare_digest(issued.digest, parsed.digest):
            raise InvalidCredential("digest")
        return self._authentication(issued.key)

    def _authentication(self, key: ApiKey) -> Authentication:
        return Authentication(
            subject=SubjectRef("user", key.user_id),
            credential=CredentialRef(
                kind="api_key",
                id=key.id,
                authenticator_id=self._id,
                expires_at=key.expires_at,
            ),
            scope_limit=NO_LIMIT,  # the key's own limits are current state, read by the core
            environment_limit=NO_LIMIT,
        )


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[ApiKeyAuthenticator]:
    yield ApiKeyAuthenticator(services)


APIKEY_TYPE = AuthenticatorType(
    name="apikey",
    open=_open,
    description="API keys in Authorization: Bearer or X-API-Key.",
)
