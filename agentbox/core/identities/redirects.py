"""Sign-in by way of the browser: it is sent to a site, comes back, and is known again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from agentbox.core.changes import Writing
from agentbox.core.identities.accounts import Accounts, verified_email
from agentbox.core.identities.asking import SIGN_IN_AGAIN, Asking
from agentbox.core.identities.begun import BegunFrom
from agentbox.core.identities.flows import MOST_WAITING, Flows, flow_of, new_flow
from agentbox.core.identities.proofs import (
    digest_of,
    is_browser,
    is_challenge,
    proves,
)
from agentbox.core.identities.providers import providers_by_id, speaks_for
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.signing_in import SignedIn, SigningIn
from agentbox.errors import (
    FieldFault,
    InvalidCredentials,
    InvalidGrant,
    NotFound,
    RateLimited,
    ValidationFailed,
)
from agentbox.model.evidence import Identity
from agentbox.model.formats.return_to import resolved_return_to
from agentbox.model.principal import Origin
from agentbox.plugin.authenticator import (
    AccountPolicy,
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


class Link(Struct, frozen=True):
    """Whose session asked for the identity to be linked; when its password was set, if any."""

    user_id: str
    session_id: str
    password_set_at: datetime | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """What is remembered of a browser that was sent away; since when, if it is to be fresh."""

    provider: str
    state: bytes
    browser: str
    return_to: str | None = None
    code_challenge: str | None = None
    fresh_since: datetime | None = None
    link: Link | None = None


class Landed(Struct, frozen=True, kw_only=True):
    """A sign-in that holds and is kept for a minute, until its code is exchanged.

    `browser` is None where the page is of another origin, which gets no cookie of ours, and shows
    a verifier in its place.
    """

    provider: str
    identity: Identity
    accounts: AccountPolicy
    browser: str | None
    code_challenge: str | None = None


class Begun(NamedTuple):
    """Where to send the browser; the name of the flow, and the secret that it is known again by.

    Nobody else knows the secret, and no other flow has it: whoever sat at the browser before, and
    saw one, knows none that is to come. The name stands in whatever the browser brings back.
    """

    url: str
    flow: str
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
        self._clock = clock
        self._own_origin = own_origin
        self._return_to = return_to
        self._limit = BegunFrom(clock)
        self._providers = providers_by_id(methods)
        self._asking = Asking(dispatcher, signing_in, self.providers)

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
        return_to: str | None = None,
        code_challenge: str | None = None,
        fresh: bool = False,
        link: Link | None = None,
    ) -> Begun:
        """Where to send the browser; for a `fresh` sign-in, to somewhere that asks who it is.

        So it is for a `link`, which nobody gets by passing through; but a site that never says
        when it asked may give one.
        Raises `NotFound` for a provider that is not configured, `ValidationFailed` for a
        `return_to` that nobody may be sent to, `RateLimited` where too many have been begun,
        `InvalidGrant` if the provider's plugin refuses, `AuthenticatorUnavailable` while the
        provider does not answer.
        """
        named, _ = self._named(provider)
        origin = self._at(provider, origin)
        target = self._target(return_to)
        if code_challenge is not None and not is_challenge(code_challenge):
            raise ValidationFailed(
                errors=[FieldFault("/code_challenge", "Not an S256 challenge (RFC 7636)")]
            )
        if wait := self._limit.wait(origin.address):
            raise RateLimited("Too many sign-ins were begun.", retry_after=wait)
        context = LoginContext(now=self._clock.now(), origin=origin)
        anew = fresh or link is not None
        away = await self._asking.where(
            named,
            RedirectLogin(provider, fresh=anew),
            context,
            asker=link.user_id if link else None,
        )
        flow, known = new_flow(context.now), secrets.token_urlsafe(32)
        waiting = Waiting(
            provider=provider,
            state=away.state,
            browser=digest_of(known),
            return_to=target,
            code_challenge=code_challenge,
            fresh_since=context.now if anew else None,
            link=link,
        )
        state = await self._flows.keep(
            "redirect", waiting, FLOW_LIFETIME, flow=flow, at_most=MOST_WAITING
        )
        return Begun(_with(away.url, state=state), flow, known)

    async def finish(
        self, provider: str, data: Mapping[str, Any], origin: Origin, *, browser: str | None
    ) -> Finished:
        """Judge what the browser brings back; its flow is used up, whatever comes of it.

        That of another browser is not: scanners ask for every address that they see. Raises
        `InvalidGrant` whatever is wrong, with the reason in the audit, and
        `AuthenticatorUnavailable` if the provider does not answer.
        """
        origin = self._at(provider, origin)
        state = data.get("state")
        # First a look, so that who has no business here writes nothing: what is kept never changes.
        seen = await self._flows.find("redirect", state, Waiting)
        if seen is None:
            raise self._asking.refused(origin, "unknown_flow")
        if not is_browser(seen.browser, browser):
            raise self._asking.refused(origin, "browser")
        waiting = await self._flows.take("redirect", state, Waiting)
        if waiting is None:
            raise self._asking.refused(origin, "unknown_flow")
        asker = waiting.link.user_id if waiting.link else None
        if waiting.provider != provider or provider not in self._providers:
            raise self._asking.refused(origin, "provider", asker)
        named, info = self._providers[provider]
        context = LoginContext(now=self._clock.now(), origin=origin)
        rest = {name: value for name, value in data.items() if name != "state"}
        judged = await self._asking.who(
            named,
            info,
            context,
            waiting.state,
            rest,
            fresh_since=waiting.fresh_since,
            or_silent=waiting.link is not None,
            asker=asker,
        )
        if waiting.link is not None:
            return Finished(redirect=waiting.return_to, to_link=(waiting.link, judged.identity))
        if waiting.return_to is None:
            return Finished(signed_in=await self._sign_in(judged, context))
        by_cookie = waiting.code_challenge is None or self._is_ours(waiting.return_to)
        landed = Landed(
            provider=provider,
            identity=judged.identity,
            accounts=judged.accounts,
            browser=waiting.browser if by_cookie else None,
            code_challenge=waiting.code_challenge,
        )
        flow = flow_of(state) or ""
        code = await self._flows.keep("exchange", landed, CODE_LIFETIME, flow=flow)
        return Finished(redirect=_with(waiting.return_to, code=code))

    async def exchange(
        self, code: str, verifier: str | None, origin: Origin, *, browser: str | None
    ) -> SignedIn:
        """A session for the one-time code that came with `return_to`; the code is used up.

        Whoever began the sign-in with a `code_challenge` shows its verifier, and shows the cookie
        unless the page is of another origin: a challenge may be somebody else's, in a link to any
        page of ours. Without the cookie the code is not used up. Raises `InvalidGrant`.
        """
        seen = await self._flows.find("exchange", code, Landed)
        if seen is None:
            raise self._asking.refused(origin, "unknown_flow")
        origin = self._at(seen.provider, origin)
        if seen.browser and not is_browser(seen.browser, browser):
            raise self._asking.refused(origin, "browser")
        landed = await self._flows.take("exchange", code, Landed)
        if landed is None:
            raise self._asking.refused(origin, "unknown_flow")
        if landed.provider not in self._providers:
            raise self._asking.refused(origin, "provider")
        if not speaks_for(self._named(landed.provider)[1], landed.identity.issuer, self.providers):
            # The configuration became another one since the browser came back.
            raise self._asking.refused(origin, "issuer_changed")
        if landed.code_challenge is not None and not proves(landed.code_challenge, verifier):
            raise self._asking.refused(origin, "verifier")
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

    def _named(self, provider: str) -> tuple[Named[RedirectAuthenticator], LoginProvider]:
        if provider not in self._providers:
            raise NotFound("There is no such provider.")
        return self._providers[provider]

    def _at(self, provider: str, origin: Origin) -> Origin:
        """The origin as refusals name it: with the provider, which is a configured one or none."""
        return replace(origin, provider=provider) if provider in self._providers else origin

    def _target(self, return_to: str | None) -> str | None:
        if return_to is None:
            return None
        target = resolved_return_to(return_to, own_origin=self._own_origin, allowed=self._return_to)
        if target is None:
            raise ValidationFailed(
                errors=[FieldFault("/return_to", "Not a page that one may return to")]
            )
        return target

    def _is_ours(self, page: str) -> bool:
        return page.startswith(f"{self._own_origin}/")


def _with(address: str, **parameter: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameter)}"
