"""Chains of made-up authenticators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.core.recognition.last_used import LastUsed
from agentbox.core.recognition.recognition import ChainLink, Recognition
from agentbox.core.recognition.subjects import Subjects
from agentbox.model.evidence import Authentication, Credential
from agentbox.model.secret import Secret
from agentbox.plugin.authenticator import RequestAuthenticator
from tests.core.world import SCOPES, World

CREDENTIAL = Credential("bearer", Secret("the-credential"))


class Answering(RequestAuthenticator):
    """Answers what it is told to, and remembers that it was asked."""

    cacheable: ClassVar[bool] = False

    def __init__(self, answer: Any, *, claims: Any = True) -> None:
        self.answer = answer
        self.claims = claims
        self.asked = 0

    def recognises(self, credential: Credential) -> bool:
        claims = self.claims
        if isinstance(claims, BaseException):
            raise claims
        return claims  # type: ignore[no-any-return]

    async def authenticate(self, credential: Credential) -> Authentication:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        if callable(self.answer):
            return await self.answer()  # type: ignore[no-any-return]
        return self.answer  # type: ignore[no-any-return]


class Remembered(Answering):
    """One whose good answers stay good."""

    cacheable: ClassVar[bool] = True


def recognition(
    world: World,
    authenticators: Sequence[RequestAuthenticator],
    *,
    cache_seconds: float = 30.0,
    dispatcher: Callable[[World], Dispatcher] = lambda world: world.dispatcher,
) -> Recognition:
    return Recognition(
        chain=[ChainLink(f"a{number}", one) for number, one in enumerate(authenticators)],
        storage=world.storage,
        subjects=Subjects(world.storage, world.clock),
        clock=world.clock,
        scopes=SCOPES,
        dispatcher=dispatcher(world),
        counters=world.counters,
        last_used=LastUsed(world.storage),
        cache_seconds=cache_seconds,
    )
