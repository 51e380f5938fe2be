"""What a provider's plugin is asked, and which of its answers count."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import structlog

from agentbox.core.audit.refusals import REASONS
from agentbox.core.identities.proofs import is_foreign
from agentbox.core.identities.providers import speaks_for
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.recognition.soundness import is_sound_answer
from agentbox.core.signing_in import SigningIn
from agentbox.errors import (
    AuthenticatorUnavailable,
    InvalidGrant,
    LoginFailed,
    OutboundFailed,
)
from agentbox.model.evidence import Identity
from agentbox.model.principal import Origin
from agentbox.plugin.authenticator import (
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginProvider,
    RedirectAuthenticator,
    RedirectLogin,
    Verified,
)

DEADLINE: Final = 9.0
"""Seconds that a provider has for all that is asked of it: the browser is answered within ten."""

ASK_AGAIN: Final = 10

CLOCKS_DIFFER: Final = timedelta(seconds=60)
"""By as much a provider's clock may be behind ours."""

BROKEN: Final = "provider_unavailable"
"""In the audit, where nothing better is known."""

SIGN_IN_AGAIN: Final = "The sign-in did not succeed. Begin again."

_URL = re.compile(r"https?://[!-\"$-~]+")

_log = structlog.get_logger("agentbox.login")

AnswerT = TypeVar("AnswerT", Challenge, Verified)


class Away(NamedTuple):
    """Where the browser goes, without its `state` parameter, and what the plugin wants back."""

    url: str
    state: bytes


class Asking:
    """Asks the plugins that stand for providers; whatever is refused is on its way to the audit."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        signing_in: SigningIn,
        providers: Sequence[LoginProvider],
    ) -> None:
        self._dispatcher = dispatcher
        self._signing_in = signing_in
        self._providers = providers

    async def where(
        self,
        named: Named[RedirectAuthenticator],
        login: RedirectLogin,
        context: LoginContext,
        *,
        asker: str | None = None,
    ) -> Away:
        """Where a sign-in begins, for the user who is signed in and asks, if there is one.

        Raises `InvalidGrant` and `AuthenticatorUnavailable`.
        """
        challenge = await self._ask(
            named, lambda: named.opened.begin(context, login), context.origin, Challenge, asker
        )
        url = challenge.data.get("url")
        if challenge.kind != "redirect" or not isinstance(url, str) or not _URL.fullmatch(url):
            raise self._broke(named, context.origin, "a redirect without an address", asker)
        return Away(url, challenge.state)

    async def who(
        self,
        named: Named[RedirectAuthenticator],
        provider: LoginProvider,
        context: LoginContext,
        state: bytes,
        data: Mapping[str, Any],
        *,
        fresh_since: datetime | None = None,
        or_silent: bool = False,
        asker: str | None = None,
    ) -> Verified:
        """Who came back, vouched for by `provider`; authenticated there since, if that is wanted.

        A provider that says nothing of when is let pass if it may be `or_silent`. Refusals name the
        user who is signed in and asks, if there is one.
        Raises `InvalidGrant` and `AuthenticatorUnavailable`.
        """
        judged = await self._ask(
            named,
            lambda: named.opened.advance(context, state, data),
            context.origin,
            Verified,
            asker,
        )
        identity = judged.identity
        if identity.authenticator_id != provider.id:
            raise self._broke(named, context.origin, "an identity of another provider", asker)
        if not is_foreign(identity):
            raise self.refused(context.origin, "issuer", asker)
        if not speaks_for(provider, identity.issuer, self._providers):
            # What else is judged by issuers, as the last way in, goes by what was told of it.
            raise self._broke(named, context.origin, "an identity of another issuer", asker)
        told = identity.auth_time is not None or not or_silent
        if fresh_since is not None and told and not _is_fresh(identity, fresh_since):
            raise self.refused(context.origin, "not_fresh", asker)
        return judged

    def refused(self, origin: Origin, reason: str, user_id: str | None = None) -> InvalidGrant:
        """What to raise for a sign-in that does not hold, once it is on its way to the audit."""
        _log.info("login_refused", reason=reason)
        self._signing_in.refused(origin, reason, user_id)
        return InvalidGrant(SIGN_IN_AGAIN)

    async def _ask(
        self,
        named: Named[RedirectAuthenticator],
        method: Callable[[], Awaitable[LoginAnswer]],
        origin: Origin,
        gives: type[AnswerT],
        asker: str | None,
    ) -> AnswerT:
        try:
            answer = await self._dispatcher.call(
                named.id,
                method,
                gives=gives,
                refusals=(LoginFailed, OutboundFailed),
                deadline=DEADLINE,
            )
            if not isinstance(answer, gives) or not is_sound_answer(answer):
                raise self._dispatcher.broke(named.id, "an answer with fields of other kinds")
        except LoginFailed as failure:
            raise self.refused(origin, failure.reason, asker or failure.user_id) from None
        except OutboundFailed as failure:
            _log.warning("provider_unavailable", method=named.id, reason=failure.reason)
            self._signing_in.refused(origin, _unavailable(failure), asker)
            raise AuthenticatorUnavailable(retry_after=ASK_AGAIN) from None
        except AuthenticatorUnavailable:
            self._signing_in.refused(origin, BROKEN, asker)  # the log says what broke
            raise
        return answer

    def _broke(
        self, named: Named[RedirectAuthenticator], origin: Origin, what: str, asker: str | None
    ) -> AuthenticatorUnavailable:
        self._signing_in.refused(origin, BROKEN, asker)
        return self._dispatcher.broke(named.id, what)


def _is_fresh(identity: Identity, since: datetime) -> bool:
    """Whether the person was authenticated since; who does not say when may not have been."""
    return identity.auth_time is not None and identity.auth_time >= since - CLOCKS_DIFFER


def _unavailable(failure: OutboundFailed) -> str:
    """The reason for the audit: what kept the provider from answering, where that is known."""
    reason = f"provider_{failure.reason}"
    return reason if reason in REASONS else BROKEN
