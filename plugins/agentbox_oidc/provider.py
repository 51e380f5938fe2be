"""One provider: where the browser is sent, and what is made of what it brings back."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from agentbox.errors import LoginFailed, OutboundFailed, StartError
from agentbox.model.evidence import LONGEST_AGO
from agentbox.model.secret import Secret
from agentbox.plugin import (
    AccountPolicy,
    Challenge,
    JsonAnswer,
    LoginContext,
    LoginProvider,
    Services,
    Verified,
)
from agentbox_oidc.claims import Said, identity_of, judge_domain
from agentbox_oidc.discovery import Metadata
from agentbox_oidc.id_token import Expected, verified_claims
from agentbox_oidc.known import Discovery, Known
from agentbox_oidc.options import ProviderOptions, redirect_url

LONGEST_CODE: Final = 4096

_PLAIN: Final = {"max_age": str(int(LONGEST_AGO.total_seconds()))}
"""Who is asked how long ago has to say when: `auth_time` (OpenID Connect Core section 2)."""

_ANEW: Final = {"max_age": "0", "prompt": "login"}
"""Have the person authenticated, whoever is signed in there (section 3.1.2.1)."""

_ANEW_AT_GOOGLE: Final = {"prompt": "select_account"}
"""Google knows none of those, and no more than this."""


class FlowState(msgspec.Struct, frozen=True, array_like=True):
    """What a flow has to remember, sealed by the core."""

    provider: str
    issuer: str
    nonce: str
    verifier: str
    fresh: bool = False


class Provider:
    """A configured provider; it is discovered when it is first needed, at the latest."""

    def __init__(self, id_: str, options: ProviderOptions, services: Services) -> None:
        self.info = LoginProvider(id_, options.name or id_, options.issuer)
        self._options = options
        self._services = services
        self._redirect_url = redirect_url(services.public_url, id_, options.redirect_url)
        self._discovery = Discovery(id_, options, services)

    async def open(self) -> None:
        """Discover. A provider that does not answer is asked again later, so that a server can
        start without it; raises `StartError` for one that answers what can't be right."""
        with suppress(OutboundFailed):  # the log says so
            await self._discovery.known()

    async def close(self) -> None:
        """End what is still asked for."""
        await self._discovery.close()

    async def start(self, *, fresh: bool) -> Challenge:
        """As `RedirectAuthenticator.start` promises: code flow with PKCE (RFC 7636) and nonce."""
        known = await self._provider()
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": self._redirect_url,
            "scope": " ".join(self._options.scopes),
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if self._options.domain_claim == "hd" and len(self._options.allowed_domains) == 1:
            # For the page alone; see `judge_domain`.
            query["hd"] = self._options.allowed_domains[0]
        query |= self._when(fresh)
        address = known.metadata.authorization_endpoint
        state = FlowState(self.info.id, self._options.issuer, nonce, verifier, fresh)
        return Challenge(
            kind="redirect",
            state=msgspec.json.encode(state),
            data={"url": f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"},
        )

    def _when(self, fresh: bool) -> Mapping[str, str]:
        if self._options.is_google:
            return _ANEW_AT_GOOGLE if fresh else {}
        return _ANEW if fresh else _PLAIN

    async def finish(
        self, context: LoginContext, state: FlowState, data: Mapping[str, Any]
    ) -> Verified:
        """As `RedirectAuthenticator.finish` promises."""
        if state.issuer != self._options.issuer:
            raise LoginFailed("issuer_changed")
        known = await self._provider()
        self._judge_answer(known.metadata, data)
        code = data.get("code")
        if not isinstance(code, str) or not 0 < len(code) <= LONGEST_CODE:
            raise LoginFailed("code_missing")
        with self._discovery.doubting(known):
            said = await self._said(known, code, state, context)
        return self._verified(said)

    async def _said(self, known: Known, code: str, state: FlowState, context: LoginContext) -> Said:
        """What the provider says of whoever brought this code."""
        tokens = await self._exchange(known, code, state.verifier)
        access_token = tokens.get("access_token")
        access_token = access_token if isinstance(access_token, str) else None
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise LoginFailed("id_token_missing")
        expected = Expected(
            issuer=self._options.issuer,
            client_id=self._options.client_id,
            algorithm=self._options.algorithm,
            nonce=state.nonce,
            now=context.now,
        )
        signed = await verified_claims(id_token, known.keys, expected, access_token)
        judge_domain(signed, self._options)
        claims = await self._completed(known, signed, access_token)
        return Said(signed=signed, claims=claims, now=context.now, fresh=state.fresh)

    def _judge_answer(self, metadata: Metadata, data: Mapping[str, Any]) -> None:
        """What came by way of the browser: the issuer (RFC 9207 section 2.4), and refusals."""
        issuer = data.get("iss")
        if issuer is None and metadata.sends_issuer:
            raise LoginFailed("answer_issuer_missing")
        if issuer is not None and issuer != self._options.issuer:
            raise LoginFailed("answer_issuer")
        if (error := data.get("error")) is not None:
            raise LoginFailed("denied" if error == "access_denied" else "provider_refused")

    async def _exchange(self, known: Known, code: str, verifier: str) -> Mapping[str, object]:
        """The code for tokens (RFC 6749 section 4.1.3)."""
        options = self._options
        fields: dict[str, str | Secret] = {
            "grant_type": "authorization_code",
            "code": Secret(code),
            "redirect_uri": self._redirect_url,
            "code_verifier": Secret(verifier),
        }
        basic = (options.client_id, options.client_secret)
        if known.metadata.secret_in_form:
            fields |= {"client_id": options.client_id, "client_secret": options.client_secret}
            answer = await known.client.post_form(known.metadata.token_endpoint, fields)
        else:
            answer = await known.client.post_form(
                known.metadata.token_endpoint, fields, basic=basic
            )
        self._judge_refusal(answer)
        if str(answer.body.get("token_type", "")).lower() != "bearer":
            raise LoginFailed("token_type")
        return answer.body

    def _judge_refusal(self, answer: JsonAnswer) -> None:
        """RFC 6749 section 5.2, where 401 is for clients alone, and may come without a word."""
        if answer.status in {400, 401, 403}:
            error = answer.body.get("error")
            wordless = answer.status == 401 and not isinstance(error, str)
            if wordless or error in ("invalid_client", "unauthorized_client"):
                self._services.log.error("provider_knows_no_such_client", provider=self.info.id)
                raise LoginFailed("client_refused")
            if answer.body:  # else it is somebody in between who says so
                raise LoginFailed("code_refused")
        if answer.status != 200:
            raise OutboundFailed("status", f"the token endpoint answers {answer.status}")

    async def _completed(
        self, known: Known, claims: Mapping[str, object], access_token: str | None
    ) -> Mapping[str, object]:
        """With what userinfo adds, where the ID token says nothing of the e-mail address.

        Its `sub` must be the same one (OIDC Core section 5.3.2); what the ID token says stays.
        """
        url = known.metadata.userinfo_endpoint
        if "email" in claims or url is None or access_token is None:
            return claims
        answer = await known.client.get(url, bearer=Secret(access_token))
        if answer.status != 200:
            raise OutboundFailed("status", f"userinfo answers {answer.status}")
        if answer.body.get("sub") != claims["sub"]:
            raise LoginFailed("userinfo_subject")
        # Whether an address is verified says whoever gives it: this claim is not mixed.
        signed = {name: value for name, value in claims.items() if name != "email_verified"}
        return {**answer.body, **signed}

    def _verified(self, said: Said) -> Verified:
        options = self._options
        return Verified(
            identity_of(said, options, self.info.id),
            accounts=AccountPolicy(
                auto_provision=options.auto_provision,
                link_verified_email=options.link_verified_email,
            ),
        )

    async def _provider(self) -> Known:
        """What is known of the provider, discovered if need be.

        Raises `OutboundFailed`, also for a document that would have stopped the start.
        """
        try:
            return await self._discovery.known()
        except StartError as error:
            self._services.log.error(
                "provider_not_usable", provider=self.info.id, reason=str(error)
            )
            raise OutboundFailed("metadata") from None
