"""Access tokens: what they say, worked out before a session begins, and minted after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.errors import Unavailable
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.users import User
from agentbox.plugin.authenticator import TokenIssuer, TokenRequest
from agentbox.plugin.policy import TokenClaims

CLIENT_ID = "agentbox"


class AccessTokens:
    """Asks the sources of claims, and the first enabled issuer."""

    def __init__(
        self,
        *,
        issuer: Named[TokenIssuer] | None,
        claims: Sequence[Named[TokenClaims]],
        audience: str,
        expiry: timedelta,
        dispatcher: Dispatcher,
    ) -> None:
        self._issuer = issuer
        self._claims = claims
        self._audience = audience
        self._expiry = expiry
        self._dispatcher = dispatcher

    async def prepare(self, user: User, session: Session, now: datetime) -> TokenRequest:
        """What a token of this session, given now, is to say, with the claims of every source.

        Raises `Unavailable` if nothing here mints, `AuthenticatorUnavailable` if a source breaks.
        """
        self._the_issuer()
        now = now.replace(microsecond=0)
        request = TokenRequest(
            subject=user.id,
            session_id=session.id,
            client_id=CLIENT_ID,
            role=user.role,
            audience=self._audience,
            issued_at=now,
            expires_at=min(now + self._expiry, session.expires_at),
        )
        extra: dict[str, str | int | bool] = {}
        for source in self._claims:
            extra |= await self._ask(source, request, user)
        return msgspec.structs.replace(request, extra_claims=extra) if extra else request

    async def mint(self, request: TokenRequest) -> Secret:
        """The signed token. Raises as `prepare` does."""
        issuer = self._the_issuer()
        return await self._dispatcher.call(
            issuer.id, lambda: issuer.opened.mint(request), gives=Secret
        )

    async def _ask(
        self, source: Named[TokenClaims], request: TokenRequest, user: User
    ) -> Mapping[str, str | int | bool]:
        claims = await self._dispatcher.call(
            source.id, lambda: source.opened.claims(request, user), gives=Mapping
        )
        for name, value in claims.items():
            if not isinstance(name, str) or not isinstance(value, str | int | bool):
                raise self._dispatcher.broke(source.id, "claims gave values of other kinds")
        return claims

    def _the_issuer(self) -> Named[TokenIssuer]:
        if self._issuer is None:
            raise Unavailable("No enabled plugin mints access tokens.")
        return self._issuer
