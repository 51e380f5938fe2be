"""Signing in and out, who one is, and one's own password."""

from __future__ import annotations

from msgspec import UNSET

from agentbox.core.runtime import Runtime
from agentbox.core.signing_in import SignedIn
from agentbox.model.secret import Secret
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.auth import (
    ChangePasswordBody,
    ContinueBody,
    LoginBody,
    LoginOut,
    MeOut,
    ReauthenticateBody,
    ReauthenticateOut,
    RefreshBody,
    me_out,
)
from agentbox.web.handlers.shapes.users import user_out


class AuthHandlers:
    """POST /auth/login, /auth/login/continue, /auth/refresh, /auth/logout, /auth/reauthenticate,
    /auth/change-password; GET /auth/me."""

    def __init__(self, runtime: Runtime) -> None:
        self._login = runtime.login
        self._refreshing = runtime.refreshing
        self._passwords = runtime.passwords

    async def login(self, request: RouteRequest[LoginBody, None]) -> LoginOut:
        """Sign in with a name and a password."""
        body = request.body
        return login_out(
            await self._login.with_password(body.username, Secret(body.password), request.origin)
        )

    async def login_continue(self, request: RouteRequest[ContinueBody, None]) -> LoginOut:
        """Go on with a login that needs another step."""
        body = request.body
        return login_out(
            await self._login.continue_flow(body.flow, body.method, body.data, request.origin)
        )

    async def refresh(self, request: RouteRequest[RefreshBody, None]) -> LoginOut:
        """Go on with a session: the next tokens."""
        token = Secret(request.body.refresh_token)
        return login_out(await self._refreshing.refresh(token, request.origin))

    async def logout(self, request: RouteRequest[None, None]) -> RouteResponse:
        """End the session."""
        await self._login.end(request.principal, request.origin)
        return RouteResponse(status=204)

    async def reauthenticate(
        self, request: RouteRequest[ReauthenticateBody, None]
    ) -> ReauthenticateOut:
        """Give one's password again."""
        done = await self._passwords.reauthenticate(
            request.principal, request.origin, Secret(request.body.password)
        )
        return ReauthenticateOut(auth_time=done.auth_time, amr=done.amr)

    async def me(self, request: RouteRequest[None, None]) -> MeOut:
        """Who the caller is."""
        return me_out(request.principal)

    async def change_password(
        self, request: RouteRequest[ChangePasswordBody, None]
    ) -> RouteResponse:
        """Change one's own password; every other session ends."""
        body = request.body
        current = body.current_password
        await self._passwords.change_own(
            request.principal,
            request.origin,
            current=None if current is UNSET else Secret(current),
            new=Secret(body.new_password),
        )
        return RouteResponse(status=204)


def login_out(signed_in: SignedIn) -> LoginOut:
    """What a client gets that has signed in, by whatever way."""
    return LoginOut(
        token=signed_in.token.reveal(),
        expires_at=signed_in.expires_at,
        expires_in=signed_in.expires_in,
        refresh_token=signed_in.refresh_token.reveal(),
        refresh_expires_at=signed_in.refresh_expires_at,
        user=user_out(signed_in.user),
    )
