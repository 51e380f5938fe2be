"""Sign-in by way of the browser: it is sent to a site, comes back, and is known again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import structlog
from msgspec import Struct

from agentbox.core.audit.refusals import REASONS
from agentbox.core.changes import Writing
from agentbox.core.identities.accounts import Accounts, verified_email
from agentbox.core.identities.begun import BegunFrom
from agentbox.core.identities.flows import MOST_WAITING, Flows
from agentbox.core.identities.proofs import (
    digest_of,
    is_browser,
    is_digest_or_random,
    is_foreign,
    proves,
)
from agentbox.core.identities.providers import providers_by_id
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.recognition.soundness import is_sound_answer
from agentbox.core.signing_in import SignedIn, SigningIn
from agentbox.errors import (
    AuthenticatorUnavailable,
    FieldFault,
    InvalidCredentials,
    InvalidGrant,
    LoginFailed,
    NotFound,
    OutboundFailed,
    RateLimited,
    ValidationFailed,
)
from agentbox.model.evidence import Identity
from agentbox.model.formats.return_to import resolved_return_to
from agentbox.model.principal import Origin
from agentbox.plugin.authenticator import (
    AccountPolicy,
    Challenge,
    LoginContext,
    LoginMethod,
    LoginProvider,
    RedirectAuthenticator,
    RedirectLogin,
    Verified,
)
from agentbox.plugin.services import Clock

FLOW_LIFETIME: Final = timedelta(minutes=10)
CODE_LIFETIME: Final = timedelta(seconds=60)

DEADLINE: Final = 9.0
"""Seconds that a provider has for all that is asked of it: the browser is answered within ten."""

ASK_AGAIN: Final = 10

BROKEN: Final = "provider_unavailable"
"""In the audit, where nothing better is known."""

SIGN_IN_AGAIN: Final = "The sign-in did not succeed. Begin again."

_URL = re.compile(r"https?://[!-\"$-~]+")

_log = structlog.get_logger("agentbox.login")


class Link(Struct, frozen=True):
    """Whose session asked for the identity to be linked; when its password was set, if any."""

    user_id: str
    session_id: str
    password_set_at: datetime | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """What is remembered of a browser that was sent away."""

    provider: str
    state: bytes
    browser: str
    return_to: str | None = None
    code_challenge: str | None = None
    link: Link | None = None


class Landed(Struct, frozen=True, kw_only=True):
    """A sign-in that holds and is kept for a minute, until its code is exchanged."""

    provider: str
    identity: Identity
    accounts: AccountPolicy
    browser: str
    code_challenge: str | None = None


class Begun(NamedTuple):
    """Where to send the browser, and the value of the cookie that it is known again by."""

    url: str
    browser: str


class Finished(NamedTuple):
    """What a callback came to: a session, or an address to send the browser to, or a link made."""

    signed_in: SignedIn | None = None
    redirect: str | None = None
    to_link: tuple[Link, Identity] | None = None


class Redirects:
    """Sign-in at the configured providers."""

    def __init__(
        self,
        methods: Sequence[Named[LoginMethod]],
        *,
        flows: Flows,
        accounts: Accounts,
        signing_in: SigningIn,
        dispatcher: Dispatcher,
        clock: Clock,
        own_origin: str,
        return_to: Sequence[str],
    ) -> None:
        self._flows = flows
        self._accounts = accounts
        self._signing_in = signing_in
        self._dispatcher = dispatcher
        self._clock = clock
        self._own_origin = own_origin
        self._return_to = return_to
        self._limit = BegunFrom(clock)
        self._providers = providers_by_id(methods)

    @property
    def providers(self) -> Sequence[LoginProvider]:
        """What a login page may offer, in the order of the configuration."""
        return [info for _, info in self._providers.values()]

    def require(self, provider: str, return_to: str | None) -> None:
        """Raises `NotFound` and `ValidationFailed` as `begin` does."""
        self._named(provider)
        self._target(return_to)

    async def begin(
        self,
        provider: str,
        origin: Origin,
        *,
        browser: str | None,
        return_to: str | None = None,
        code_challenge: str | None = None,
        link: Link | None = None,
    ) -> Begun:
        """Where to send the browser.

        Raises `NotFound` for a provider that is not configured, `ValidationFailed` for a
        `return_to` that nobody may be sent to, `RateLimited` and `Overloaded` where too many have
        been begun, `InvalidGrant` if the provider's plugin refuses, `AuthenticatorUnavailable`
        while the provider does not answer.
        """
        named, _ = self._named(provider)
        target = self._target(return_to)
        if code_challenge is not None and not is_digest_or_random(code_challenge):
            raise ValidationFailed(
                errors=[FieldFault("/code_challenge", "Not an S256 challenge (RFC 7636)")]
            )
        if wait := self._limit.wait(origin.address):
            raise RateLimited("Too many sign-ins were begun.", retry_after=wait)
        context = LoginContext(now=self._clock.now(), origin=origin)
        challenge = await self._ask(
            named, lambda: named.opened.begin(context, RedirectLogin(provider)), origin, Challenge
        )
        url = challenge.data.get("url")
        if challenge.kind != "redirect" or not isinstance(url, str) or not _URL.fullmatch(url):
            self._signing_in.refused(origin, BROKEN)
            raise self._dispatcher.broke(named.id, "a redirect without an address")
        known = browser if browser is not None and is_digest_or_random(browser) else None
        known = known or secrets.token_urlsafe(32)
        waiting = Waiting(
            provider=provider,
            state=challenge.state,
            browser=digest_of(known),
            return_to=target,
            code_challenge=code_challenge,
            link=link,
        )
        state = await self._flows.keep("redirect", waiting, FLOW_LIFETIME, at_most=MOST_WAITING)
        return Begun(f"{url}{'&' if '?' in url else '?'}{urlencode({'state': state})}", known)

    async def finish(
        self, provider: str, data: Mapping[str, Any], origin: Origin, *, browser: str | None
    ) -> Finished:
        """Judge what the browser brings back; its flow is used up, whatever comes of it.

        Raises `InvalidGrant` whatever is wrong, with the reason in the audit, and
        `AuthenticatorUnavailable` if the provider does not answer.
        """
        waiting = await self._flows.take("redirect", data.get("state"), Waiting)
        if waiting is None:
            raise self._refused(origin, "unknown_flow")
        if waiting.provider != provider:
            raise self._refused(origin, "provider")
        if not is_browser(waiting.browser, browser):
            raise self._refused(origin, "browser")
        if provider not in self._providers:
            raise self._refused(origin, "provider")
        named, _ = self._providers[provider]
        context = LoginContext(now=self._clock.now(), origin=origin)
        rest = {name: value for name, value in data.items() if name != "state"}
        judged = await self._ask(
            named, lambda: named.opened.advance(context, waiting.state, rest), origin, Verified
        )
        if judged.identity.authenticator_id != provider:
            self._signing_in.refused(origin, BROKEN)
            raise self._dispatcher.broke(named.id, "an identity of another provider")
        if not is_foreign(judged.identity):
            raise self._refused(origin, "issuer")
        if waiting.link is not None:
            return Finished(redirect=waiting.return_to, to_link=(waiting.link, judged.identity))
        if waiting.return_to is None:
            return Finished(signed_in=await self._sign_in(judged, context))
        landed = Landed(
            provider=provider,
            identity=judged.identity,
            accounts=judged.accounts,
            browser=waiting.browser,
            code_challenge=waiting.code_challenge,
        )
        code = await self._flows.keep("exchange", landed, CODE_LIFETIME)
        joint = "&" if "?" in waiting.return_to else "?"
        return Finished(redirect=f"{waiting.return_to}{joint}{urlencode({'code': code})}")

    async def exchange(
        self, code: str, verifier: str | None, origin: Origin, *, browser: str | None
    ) -> SignedIn:
        """A session for the one-time code that came with `return_to`; the code is used up.

        Whoever began the sign-in with a `code_challenge` shows its verifier, anybody else the
        cookie. Raises `InvalidGrant`.
        """
        landed = await self._flows.take("exchange", code, Landed)
        if landed is None:
            raise self._refused(origin, "unknown_flow")
        if landed.provider not in self._providers:
            raise self._refused(origin, "provider")
        if landed.code_challenge is not None:
            if not proves(landed.code_challenge, verifier):
                raise self._refused(origin, "verifier")
        elif not is_browser(landed.browser, browser):
            raise self._refused(origin, "browser")
        context = LoginContext(now=self._clock.now(), origin=origin)
        return await self._sign_in(Verified(landed.identity, accounts=landed.accounts), context)

    async def _sign_in(self, judged: Verified, context: LoginContext) -> SignedIn:
        identity = judged.identity

        async def still_linked(writing: Writing) -> bool:
            """The link may have been taken away meanwhile, or the user."""
            known = await writing.tx.identities.find(identity.issuer, identity.subject)
            if known is None or known.user_id != user.id:
                return False
            return await writing.tx.identities.note_use(
                known.id, verified_email(identity), writing.now
            )

        try:
            user = await self._accounts.user_of(judged, context)
            return await self._signing_in.begin_judged(
                user,
                judged,
                context,
                method=identity.authenticator_id,
                still_holds=still_linked,
            )
        except InvalidCredentials:
            raise InvalidGrant(SIGN_IN_AGAIN) from None

    async def _ask(self, named: Any, method: Any, origin: Origin, gives: Any) -> Any:
        try:
            answer = await self._dispatcher.call(
                named.id,
                method,
                gives=gives,
                refusals=(LoginFailed, OutboundFailed),
                deadline=DEADLINE,
            )
            if not is_sound_answer(answer):
                raise self._dispatcher.broke(named.id, "an answer with fields of other kinds")
        except LoginFailed as failure:
            raise self._refused(origin, failure.reason, failure.user_id) from None
        except OutboundFailed as failure:
            _log.warning("provider_unavailable", method=named.id, reason=failure.reason)
            self._signing_in.refused(origin, _unavailable(failure))
            raise AuthenticatorUnavailable(retry_after=ASK_AGAIN) from None
        except AuthenticatorUnavailable:
            self._signing_in.refused(origin, BROKEN)  # the log says what broke
            raise
        return answer

    def _named(self, provider: str) -> tuple[Named[RedirectAuthenticator], LoginProvider]:
        if provider not in self._providers:
            raise NotFound("There is no such provider.")
        return self._providers[provider]

    def _target(self, return_to: str | None) -> str | None:
        if return_to is None:
            return None
        target = resolved_return_to(return_to, own_origin=self._own_origin, allowed=self._return_to)
        if target is None:
            raise ValidationFailed(
                errors=[FieldFault("/return_to", "Not a page that one may return to")]
            )
        return target

    def _refused(self, origin: Origin, reason: str, user_id: str | None = None) -> InvalidGrant:
        _log.info("login_refused", reason=reason)
        self._signing_in.refused(origin, reason, user_id)
        return InvalidGrant(SIGN_IN_AGAIN)


def _unavailable(failure: OutboundFailed) -> str:
    """The reason for the audit: what kept the provider from answering, where that is known."""
    reason = f"provider_{failure.reason}"
    return reason if reason in REASONS else BROKEN
