"""Sign-in at other sites, and one's own links to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from agentbox.core.identities.flows import flow_of
from agentbox.core.identities.redirects import CODE_LIFETIME, FLOW_LIFETIME, Begun
from agentbox.core.runtime import Runtime
from agentbox.model.secret import Secret
from agentbox.plugin.authenticator import PasswordAuthenticator
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.auth import login_out
from agentbox.web.handlers.shapes.auth import LoginOut
from agentbox.web.handlers.shapes.identities import (
    BeginQuery,
    CallbackBody,
    CallbackQuery,
    ExchangeBody,
    IdentityListOut,
    LinkBody,
    ProviderListOut,
    ProviderOut,
    UrlOut,
    identity_list_out,
)

FLOW_COOKIE: Final = "__Host-agentbox_flow_"
"""What the name of a sign-in's cookie begins with; the rest says which sign-in it is of.

It binds the sign-in to the browser that began it. No session: nobody is signed in by it.
"""

MOST_COOKIES: Final = 8
"""Sign-ins of one browser that wait at a time. Request heads end at 8 KiB: with the cookies of a
hundred tabs, nothing of this origin could be asked for until they expire."""

_SECONDS: Final = int((FLOW_LIFETIME + CODE_LIFETIME).total_seconds())
"""A code that the last moment brings is still to be exchanged."""

_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"


class IdentityHandlers:
    """GET /auth/providers; /auth/{provider}/url, /login, /callback; /auth/exchange;
    /auth/identities."""

    def __init__(self, runtime: Runtime) -> None:
        self._redirects = runtime.redirects
        self._linking = runtime.linking
        self._passwords = [
            ProviderOut(id=named.id, kind="password", name="Password")
            for named in runtime.abilities.methods
            if isinstance(named.opened, PasswordAuthenticator)
        ]

    async def providers(self, request: RouteRequest[None, None]) -> ProviderListOut:
        """What a login page may offer."""
        sites = [
            ProviderOut(id=info.id, kind="redirect", name=info.name)
            for info in self._redirects.providers
        ]
        return ProviderListOut(providers=[*self._passwords, *sites])

    async def url(self, request: RouteRequest[None, BeginQuery]) -> RouteResponse:
        """Where to send the browser, for pages that do so themselves."""
        begun = await self._begin(request)
        return RouteResponse(body=UrlOut(url=begun.url), cookies=_begun(begun, request.cookies))

    async def login(self, request: RouteRequest[None, BeginQuery]) -> RouteResponse:
        """Send the browser there."""
        begun = await self._begin(request)
        return RouteResponse(
            status=302, headers={"Location": begun.url}, cookies=_begun(begun, request.cookies)
        )

    async def callback(self, request: RouteRequest[None, CallbackQuery]) -> RouteResponse:
        """What the browser brings back in its address."""
        given = msgspec.structs.asdict(request.query)
        data = {name: value for name, value in given.items() if value is not None}
        return await self._finish(request, data)

    async def callback_posted(self, request: RouteRequest[CallbackBody, None]) -> RouteResponse:
        """The same, sent by a page of ours."""
        given = msgspec.structs.asdict(request.body)
        data = {name: value for name, value in given.items() if value is not UNSET}
        return await self._finish(request, data)

    async def exchange(self, request: RouteRequest[ExchangeBody, None]) -> RouteResponse:
        """The one-time code for tokens."""
        body = request.body
        signed_in = await self._redirects.exchange(
            body.code,
            None if body.code_verifier is UNSET else body.code_verifier,
            request.origin,
            browser=_secret(request.cookies, body.code),
        )
        return RouteResponse(body=login_out(signed_in), cookies=_over(body.code))

    async def list_own(self, request: RouteRequest[None, None]) -> IdentityListOut:
        """One's own linked sign-ins."""
        return identity_list_out(await self._linking.list(request.principal))

    async def link(self, request: RouteRequest[LinkBody, None]) -> RouteResponse:
        """Begin to link one: the answer says where to send the browser."""
        body = request.body
        password = body.current_password
        begun = await self._linking.begin(
            request.principal,
            request.origin,
            request.path["provider"],
            current_password=None if password is UNSET else Secret(password),
            return_to=None if body.return_to is UNSET else body.return_to,
        )
        return RouteResponse(body=UrlOut(url=begun.url), cookies=_begun(begun, request.cookies))

    async def unlink(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Take one away."""
        await self._linking.unlink(request.principal, request.origin, request.path["identity_id"])
        return RouteResponse(status=204)

    async def _begin(self, request: RouteRequest[None, BeginQuery]) -> Begun:
        query = request.query
        return await self._redirects.begin(
            request.path["provider"],
            request.origin,
            return_to=query.return_to,
            code_challenge=query.code_challenge,
            fresh=query.fresh,
        )

    async def _finish(
        self,
        request: RouteRequest[CallbackBody, None] | RouteRequest[None, CallbackQuery],
        data: Mapping[str, str],
    ) -> RouteResponse:
        state = data.get("state")
        finished = await self._redirects.finish(
            request.path["provider"], data, request.origin, browser=_secret(request.cookies, state)
        )
        if finished.signed_in is not None:
            body: LoginOut = login_out(finished.signed_in)
            return RouteResponse(body=body, cookies=_over(state))
        # A sign-in that ends elsewhere is exchanged with the cookie; a link is done.
        cookies: Sequence[str] = ()
        if finished.to_link is not None:
            await self._linking.finish(*finished.to_link, request.origin)
            cookies = _over(state)
        if finished.redirect is None:
            return RouteResponse(status=204, cookies=cookies)
        headers = {"Location": finished.redirect}
        return RouteResponse(status=302, headers=headers, cookies=cookies)


def _secret(cookies: Mapping[str, str], text: str | None) -> str | None:
    """What the browser has of the flow that a state or a code is of; of no other."""
    flow = flow_of(text)
    return None if flow is None else cookies.get(flow)


def _begun(begun: Begun, sent: Mapping[str, str]) -> Sequence[str]:
    """The cookie of a flow that begins; the oldest go, where there are too many.

    No more of them at once than there may be, so that no proxy finds the answer's head too large.
    """
    oldest = sorted(sent)[: max(0, len(sent) - MOST_COOKIES + 1)][:MOST_COOKIES]
    own = f"{FLOW_COOKIE}{begun.flow}={begun.browser}; Max-Age={_SECONDS}; {_ATTRIBUTES}"
    return [own, *map(_no_cookie, oldest)]


def _over(text: str | None) -> Sequence[str]:
    """The sign-in is done, and no other one."""
    flow = flow_of(text)
    return [] if flow is None else [_no_cookie(flow)]


def _no_cookie(flow: str) -> str:
    return f"{FLOW_COOKIE}{flow}=; Max-Age=0; {_ATTRIBUTES}"
