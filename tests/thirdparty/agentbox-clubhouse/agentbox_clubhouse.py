"""Sign-in with the accounts of the Clubhouse, a forum that speaks OAuth 2.0 and no OpenID."""

import base64
import hashlib
import secrets
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from agentbox.errors import LoginFailed, OutboundFailed
from agentbox.model.evidence import Identity
from agentbox.model.secret import Secret
from agentbox.plugin import (
    AccountPolicy,
    AuthenticatorType,
    Challenge,
    LoginProvider,
    Options,
    RedirectAuthenticator,
    Verified,
    hookimpl,
)

AGENTBOX_API = 1


class ClubhouseOptions(Options, frozen=True):
    site: str
    client_id: str
    client_secret: Secret

    def notes(self, public_url):
        return [f"clubhouse: register {public_url}/api/v1/auth/clubhouse/callback there"]


class Clubhouse(RedirectAuthenticator):
    def __init__(self, services):
        self._site = services.options.site
        self._client = (services.options.client_id, services.options.client_secret)
        self._callback = f"{services.public_url}/api/v1/auth/clubhouse/callback"
        self._http = services.outgoing.to([self._site])

    @property
    def providers(self):
        return [LoginProvider("clubhouse", "Clubhouse", self._site)]

    async def start(self, context, login):
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client[0],
            "redirect_uri": self._callback,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        url = f"{self._site}/authorize?{urlencode(query)}"
        return Challenge(kind="redirect", state=verifier.encode(), data={"url": url})

    async def finish(self, context, state, data):
        if "error" in data:
            raise LoginFailed("denied")
        form = {
            "grant_type": "authorization_code",
            "code": Secret(data.get("code", "")),
            "redirect_uri": self._callback,
            "code_verifier": Secret(state.decode()),
        }
        tokens = await self._http.post_form(f"{self._site}/token", form, basic=self._client)
        access_token = tokens.body.get("access_token")
        if tokens.status != 200 or not isinstance(access_token, str):
            raise LoginFailed("code_refused")
        member = await self._http.get(f"{self._site}/me", bearer=Secret(access_token))
        if member.status != 200 or type(member.body.get("id")) is not int:
            raise OutboundFailed("status")
        who = Identity(
            issuer=self._site,
            subject=str(member.body["id"]),
            authenticator_id="clubhouse",
            preferred_username=str(member.body.get("nickname", "")),
            amr=("federated",),
        )
        return Verified(who, accounts=AccountPolicy(auto_provision=True))


@asynccontextmanager
async def open_clubhouse(services):
    yield Clubhouse(services)


@hookimpl
def agentbox_authenticator_types():
    return [AuthenticatorType(name="clubhouse", open=open_clubhouse, options=ClubhouseOptions)]
