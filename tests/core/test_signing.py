"""Rotation asks the token issuer for a key, and an issuer need not have one to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agentbox.core.counters import Counters
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.signing import SigningKeys
from agentbox.errors import AuthenticatorUnavailable, Conflict, Unavailable
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.principal import Operator, Origin
from agentbox.model.secret import Secret
from agentbox.plugin import TokenIssuer, TokenRequest
from tests.core.world import World


class Written(TokenIssuer):
    """An issuer written before keys could be rotated."""

    async def mint(self, request: TokenRequest) -> Secret:
        return Secret("token")

    async def jwks(self) -> Sequence[Mapping[str, str]]:
        return []


class Odd(Written):
    """An issuer whose answers are no keys."""

    async def keys(self) -> Sequence[Any]:
        return ["key"]

    async def make_key(self) -> Any:
        return "key"


def signing_keys(world: World, issuer: TokenIssuer | None) -> SigningKeys:
    return SigningKeys(
        issuer=None if issuer is None else Named("mine", issuer),
        changes=world.changes,
        scopes=ScopeTable(),
        dispatcher=Dispatcher(world.clock, Counters()),
        clock=world.clock,
    )


@pytest.mark.parametrize(
    ("issuer", "refusal"),
    [(Written(), Conflict), (Odd(), AuthenticatorUnavailable), (None, Unavailable)],
)
async def test_an_issuer_that_gives_no_key_changes_nothing(
    world: World, issuer: TokenIssuer | None, refusal: type[Exception]
) -> None:
    keys = signing_keys(world, issuer)
    with pytest.raises(refusal):
        await keys.rotate(Operator(), Origin(), compromised=True)
    with pytest.raises(refusal):
        await keys.list()

    assert await world.audit() == []
    async with world.storage.transaction(read_only=True) as tx:
        assert await tx.signing_keys.list() == []
