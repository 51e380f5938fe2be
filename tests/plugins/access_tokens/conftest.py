"""An opened `jwt` authenticator, and what is needed to forge its tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from agentbox.model.access.roles import Role
from agentbox.model.evidence import Authentication, Credential
from agentbox.model.secret import Secret
from agentbox.plugin import TokenRequest
from agentbox_jwt.authenticator import JwtAuthenticator
from agentbox_jwt.descriptor import JWT_TYPE, JwtOptions
from agentbox_jwt.keys import Key, load
from tests.plugins.access_tokens.forge import ISSUER, es256
from tests.plugins.stand_in import START, StandInServices


class Issuer:
    """An authenticator with its services and its signing key."""

    def __init__(self, services: StandInServices, jwt: JwtAuthenticator, key: Key | None) -> None:
        self.services = services
        self.jwt = jwt
        self._key = key

    @property
    def key(self) -> Key:
        assert self._key is not None
        return self._key

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "at+jwt", "kid": self.key.id}

    def sign(self, claims: Any, **header: Any) -> str:
        changed = {n: v for n, v in (self.header | header).items() if v is not ...}
        return es256(self.key.private, changed, claims)

    async def judge(self, token: str) -> Authentication:
        return await self.jwt.authenticate(Credential("bearer", Secret(token)))


OpenIssuer = Callable[..., AbstractAsyncContextManager[object]]


@pytest.fixture
def services(storage: Any) -> StandInServices:
    return StandInServices(storage, JwtOptions())


@pytest.fixture
async def issuer(services: StandInServices, storage: Any) -> AsyncIterator[Issuer]:
    async with JWT_TYPE.open(services) as opened:
        assert isinstance(opened, JwtAuthenticator)
        async with storage.transaction() as tx:
            rows = await tx.signing_keys.list()
        services.storage.transactions = 0
        yield Issuer(services, opened, load(rows[-1], services.sealer))


@pytest.fixture
def request_for_token() -> TokenRequest:
    return TokenRequest(
        subject="u1",
        session_id="s1",
        client_id="agentbox",
        role=Role.USER,
        audience=ISSUER,
        issued_at=START,
        expires_at=START + timedelta(minutes=15),
    )
