"""The one verification function: a credential in, a principal out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

import structlog

from agentbox.core.counters import Counters
from agentbox.core.recognition.caches import FactCache, FactKey
from agentbox.core.recognition.dispatch import Dispatcher
from agentbox.core.recognition.last_used import LastUsed
from agentbox.core.recognition.rates import Rates
from agentbox.core.recognition.soundness import is_sound
from agentbox.core.recognition.state import SubjectState, principal_of, user_id_of
from agentbox.core.recognition.subjects import Subjects
from agentbox.errors import (
    ExpiredCredential,
    InvalidCredential,
    InvalidToken,
    Problem,
    RateLimited,
    Refusal,
)
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.evidence import Authentication, Credential
from agentbox.model.formats.networks import contains_address
from agentbox.model.principal import Principal
from agentbox.plugin.authenticator import RequestAuthenticator
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage

UNSOUND = "an Authentication with fields of other kinds"

P = TypeVar("P", bound=Problem)

_log = structlog.get_logger("agentbox.recognition")


class ChainLink(NamedTuple):
    """A configured instance of the chain."""

    id: str
    authenticator: RequestAuthenticator


class Recognition:
    """Asks the first authenticator that recognises a credential, then the current state.

    The bearer chain, and whatever else has to know who a credential is, come here.
    """

    def __init__(
        self,
        *,
        chain: Sequence[ChainLink],
        storage: Storage,
        subjects: Subjects,
        clock: Clock,
        scopes: ScopeTable,
        dispatcher: Dispatcher,
        counters: Counters,
        last_used: LastUsed,
        cache_seconds: float,
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._scopes = scopes
        self._dispatcher = dispatcher
        self._counters = counters
        self._last_used = last_used
        self._facts = FactCache(clock, cache_seconds)
        self._states = subjects.states
        self._rates = Rates(storage, clock)
        storage.on_change(self._on_change)

    async def recognise(self, credential: Credential, address: str | None = None) -> Principal:
        """Who acts, from the client's `address`.

        Raises `InvalidToken` if nobody claims the credential, it does not hold, or it may not come
        from there, `RateLimited` for an API key used too often, `AuthenticatorUnavailable` if its
        authenticator is broken, `StorageError` if the state can't be read or a use that has to be
        counted can't be.
        """
        key = _key(credential)
        known = self._facts.get(key)
        return await self._principal(known or await self._judged(credential, key), address)

    async def recognise_expired(
        self, credential: Credential, address: str | None = None
    ) -> Principal:
        """As `recognise`; a token that only ran out holds too, if its session is live."""
        try:
            authentication = await self._judged(credential, _key(credential), expired_too=True)
        except ExpiredCredential as expired:
            authentication = expired.authentication
        return await self._principal(authentication, address)

    async def _principal(self, authentication: Authentication, address: str | None) -> Principal:
        user_id = user_id_of(authentication)
        if user_id is None:
            raise self._refused("unknown_identity")
        credential = authentication.credential
        key = (user_id, credential.kind, credential.id)
        state = self._states.get(key)
        if state is None:
            state = await self._states.load(key)
        principal = self._standing(authentication, state, address)
        if credential.kind == "api_key":
            api_key = state.api_key
            if api_key is not None and api_key.rate_limit is not None:
                wait = self._rates.known(api_key.id, api_key.rate_limit)
                if wait is None:
                    wait = await self._rate_asked(authentication, api_key.rate_limit)
                    # Which may have taken a while, and much may have happened meanwhile.
                    state = self._states.get(key) or await self._states.load(key)
                    principal = self._standing(authentication, state, address)
                if wait:
                    raise self._too_often(credential.id, wait)
            self._last_used.note(credential.id, principal.evaluated_at)
            self._counters.add("credential_checks.api_key")
        elif credential.kind == "session":
            self._last_used.note_session(credential.id, principal.evaluated_at)
            self._counters.add("credential_checks.access_token")
        else:
            self._counters.add("credential_checks.other")
        return principal

    def _standing(
        self, authentication: Authentication, state: SubjectState, address: str | None
    ) -> Principal:
        """Who acts, by this state and from there. What is refused is no use of a key."""
        now = self._clock.now()
        try:
            principal = principal_of(authentication, state, scopes=self._scopes, now=now)
        except InvalidToken:
            raise self._not_standing(authentication) from None
        key = state.api_key
        if key is None or not key.allowed_cidrs or contains_address(key.allowed_cidrs, address):
            return principal
        name = f"api_key:{key.id}"
        raise self._refused("address", name, credential=name)

    def _not_standing(self, authentication: Authentication) -> InvalidToken:
        credential = authentication.credential
        name = f"{credential.kind}:{credential.id}"
        actor = name if credential.kind == "api_key" else f"user:{user_id_of(authentication)}"
        return self._refused("state", actor, credential=name)

    async def _rate_asked(self, authentication: Authentication, rate: str) -> int:
        """As `Rates.ask`, for a key that may be gone by then."""
        try:
            return await self._rates.ask(authentication.credential.id, rate)
        except InvalidToken:
            raise self._not_standing(authentication) from None

    def _too_often(self, key_id: str, wait: int) -> RateLimited:
        name = f"api_key:{key_id}"
        self._counters.add("credentials_refused.rate")
        _log.info("credential_refused", reason="rate", credential=name)
        return _refusing(RateLimited(retry_after=wait), name, "rate")

    async def _judged(
        self, credential: Credential, key: FactKey, *, expired_too: bool = False
    ) -> Authentication:
        if not expired_too and self._facts.refused(key):
            self._counters.add("credentials_refused.again")
            raise _refusing(InvalidToken(), None, "again")
        return await self._ask_chain(credential, key, expired_too=expired_too)

    async def _ask_chain(
        self, credential: Credential, key: FactKey, *, expired_too: bool
    ) -> Authentication:
        link = self._recognising(credential)
        if link is None:
            raise self._refused("nobody_claims_it")
        cleared = self._facts.cleared
        try:
            answer = await self._dispatcher.call(
                link.id,
                lambda: link.authenticator.authenticate(credential),
                gives=Authentication,
                refusals=(InvalidCredential,),
            )
        except InvalidCredential as refusal:
            if isinstance(refusal, ExpiredCredential) and expired_too:
                if not is_sound(refusal.authentication):
                    raise self._dispatcher.broke(link.id, UNSOUND) from refusal
                raise
            if link.authenticator.cacheable and self._facts.cleared == cleared:
                self._facts.refuse(key)
            # Counted by the id: a reason is whatever the plugin says (OB-03).
            _log.info("credential_refused", reason=refusal.reason, authenticator=link.id)
            self._counters.add(f"credentials_refused_by.{link.id}")
            raise _refusing(InvalidToken(), None, refusal.reason) from refusal
        if not is_sound(answer):
            raise self._dispatcher.broke(link.id, UNSOUND)
        if link.authenticator.cacheable and self._facts.cleared == cleared:
            self._facts.keep(key, answer)
        return answer

    def _recognising(self, credential: Credential) -> ChainLink | None:
        for link in self._chain:
            try:
                mine = link.authenticator.recognises(credential)
            except BaseException as error:  # a plugin may raise anything; none may go unnoticed
                raise self._dispatcher.broke(link.id, type(error).__name__) from error
            if mine is True:
                return link
            if mine is not False:
                raise self._dispatcher.broke(link.id, f"recognises gave {type(mine).__name__}")
        return None

    def _on_change(self, change: Change) -> None:
        if change.kind in {"signing_key", "all"}:
            self._facts.clear()

    def _refused(self, reason: str, actor: str | None = None, **values: str) -> InvalidToken:
        self._counters.add(f"credentials_refused.{reason}")
        _log.info("credential_refused", reason=reason, **values)
        return _refusing(InvalidToken(), actor, reason)


def _refusing(problem: P, actor: str | None, reason: str) -> P:
    """The problem with what the audit says about it."""
    problem.refusal = Refusal(actor, reason)
    return problem


def _key(credential: Credential) -> FactKey:
    return credential.scheme, sha256(credential.value.reveal().encode()).digest()
