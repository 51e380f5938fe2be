"""Sessions that go on, over a database of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentbox.core.people.refresh_tokens import RefreshTokens
from agentbox.core.people.refreshing import Refreshing
from agentbox.core.signing_in import SignedIn
from agentbox.core.tokens import AccessTokens
from agentbox.errors import InvalidGrant
from agentbox.model.formats.refresh_token import parse_refresh_token
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.users import User
from tests.core.changes.signing_in import Issuer, Method, login, named, refresh_tokens, verified
from tests.core.world import HERE, World

PASSWORD = Secret("whatever")

DAY = 24 * 3600.0


def refreshing(
    world: World,
    tokens: RefreshTokens | None = None,
    *,
    methods: tuple[str, ...] = ("m0",),
    claims: tuple[Any, ...] = (),
    issuer: Issuer | None = None,
) -> Refreshing:
    return Refreshing(
        storage=world.storage,
        clock=world.clock,
        changes=world.changes,
        counters=world.counters,
        access_tokens=AccessTokens(
            issuer=named("i", [issuer or Issuer()])[0],
            claims=named("c", claims),
            audience="https://auth.example",
            expiry=timedelta(minutes=15),
            dispatcher=world.dispatcher,
        ),
        refresh_tokens=tokens or refresh_tokens(),
        refusals=world.refusals,
        methods=methods,
    )


async def sign_in(world: World, user: User, **parts: Any) -> SignedIn:
    return await login(world, Method(verified(user)), **parts).with_password(
        "alice", PASSWORD, HERE
    )


async def go_on(world: World, token: Secret, *args: Any, **parts: Any) -> SignedIn:
    return await refreshing(world, *args, **parts).refresh(token, HERE)


async def chain(world: World, user: User, length: int) -> list[Secret]:
    """So many tokens of one family, each the successor of the one before, a minute apart."""
    tokens = [(await sign_in(world, user)).refresh_token]
    while len(tokens) < length:
        world.clock.move(60)
        tokens.append((await go_on(world, tokens[-1])).refresh_token)
    world.clock.move(60)
    return tokens


async def refused(world: World, token: Secret, *args: Any, **parts: Any) -> None:
    with pytest.raises(InvalidGrant):
        await go_on(world, token, *args, **parts)


def session_of(token: Secret) -> str:
    parsed = parse_refresh_token(token.reveal())
    assert parsed is not None
    return parsed.session_id


async def session(world: World, token: Secret) -> Session:
    found = await world.session(session_of(token))
    assert found is not None
    return found


async def ended(world: World, token: Secret) -> bool:
    return (await session(world, token)).ended_at is not None
