"""Login methods, policies and issuers that do as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from agentbox.core.login import Login
from agentbox.core.people.refresh_tokens import RefreshLifetimes, RefreshTokens
from agentbox.core.recognition.dispatch import Named
from agentbox.core.signing_in import SigningIn
from agentbox.core.start.root_secret import RootSecret
from agentbox.core.tokens import AccessTokens
from agentbox.model.evidence import LOCAL_ISSUER, Identity
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.authenticator import (
    LoginAnswer,
    LoginContext,
    LoginMethod,
    TokenIssuer,
    TokenRequest,
    Verified,
)
from agentbox.plugin.policy import LoginPolicy, TokenClaims
from tests.core.world import World


class Method(LoginMethod):
    """Gives these answers, one a step; raises those that are errors."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.states: list[bytes] = []
        self.begun = 0

    async def begin(self, context: LoginContext, data: Struct) -> LoginAnswer:
        self.begun += 1
        return await self._next()

    async def advance(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        self.states.append(state)
        return await self._next()

    async def _next(self) -> LoginAnswer:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            return await answer()  # type: ignore[no-any-return]
        return answer  # type: ignore[no-any-return]


class Policy(LoginPolicy):
    """Returns or raises what it is told."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked = 0

    async def check_login(self, context: LoginContext, user: User, identity: Identity) -> None:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


class Issuer(TokenIssuer):
    """Mints the text `token`, and keeps what it was asked for."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.requests: list[TokenRequest] = []

    async def mint(self, request: TokenRequest) -> Secret:
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return Secret("token") if self.answer is None else self.answer

    async def jwks(self) -> Sequence[Mapping[str, str]]:
        return []


class Claims(TokenClaims):
    """Gives or raises what it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def claims(self, request: TokenRequest, user: User) -> Mapping[str, str | int | bool]:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


def verified(user: User, auth_time: datetime | None = None) -> Verified:
    return Verified(
        Identity(
            issuer=LOCAL_ISSUER,
            subject=user.id,
            authenticator_id="m0",
            amr=("pwd",),
            auth_time=auth_time,
        )
    )


def named(letter: str, things: Sequence[Any]) -> list[Named[Any]]:
    """Each under its letter and number."""
    return [Named(f"{letter}{number}", one) for number, one in enumerate(things)]


def refresh_tokens(*secrets: bytes, grace: float = 10) -> RefreshTokens:
    """As a server with these root secrets has them."""
    lifetimes = RefreshLifetimes(idle=timedelta(days=7), grace=timedelta(seconds=grace))
    return RefreshTokens(RootSecret(secrets or [b"1" * 32]).macs("refresh"), lifetimes)


def signing_in(world: World, **parts: Any) -> SigningIn:
    issuer = parts.get("issuer", Issuer())
    return SigningIn(
        policies=named("p", parts.get("policies", [])),
        tokens=AccessTokens(
            issuer=None if issuer is None else Named("i0", issuer),
            claims=named("c", parts.get("claims", [])),
            audience="https://auth.example",
            expiry=parts.get("access_expiry", timedelta(minutes=15)),
            dispatcher=world.dispatcher,
        ),
        session_max_age=parts.get("session_max_age", timedelta(days=30)),
        clock=world.clock,
        dispatcher=world.dispatcher,
        changes=world.changes,
        refresh_tokens=refresh_tokens(),
        counters=world.counters,
        refusals=world.refusals,
    )


def login(world: World, *methods: LoginMethod, **parts: Any) -> Login:
    return Login(
        named("m", methods),
        signing_in=signing_in(world, **parts),
        storage=world.storage,
        clock=world.clock,
        sealer=RootSecret([b"1" * 32]),
        dispatcher=world.dispatcher,
        changes=world.changes,
        guesses=world.guesses,
    )
