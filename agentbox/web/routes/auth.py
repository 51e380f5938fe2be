"""Signing in and out, and oneself."""

from __future__ import annotations

from agentbox.errors import (
    AuthenticatorUnavailable,
    InsufficientUserAuthentication,
    InvalidCredentials,
    InvalidGrant,
    InvalidPassword,
    LoginIncomplete,
    Overloaded,
    Problem,
    RateLimited,
    SessionRequired,
    StorageFull,
    WeakPassword,
)
from agentbox.model.access.route import PUBLIC, SESSION, Access
from agentbox.plugin.routes import Route
from agentbox.web.handlers.auth import AuthHandlers
from agentbox.web.handlers.shapes import auth as shapes
from agentbox.web.routes.place import API

OWN_ACCESS = Access(kind="any", allow_restricted=True)
LOGOUT_ACCESS = Access(kind="session", allow_restricted=True, allow_expired=True)
CHANGE_PASSWORD_ACCESS = Access(kind="session", allow_restricted=True)

LOGIN_ERRORS: tuple[type[Problem], ...] = (
    InvalidCredentials,
    LoginIncomplete,
    RateLimited,
    AuthenticatorUnavailable,
    Overloaded,
    StorageFull,
)

CHANGE_PASSWORD_ERRORS: tuple[type[Problem], ...] = (
    SessionRequired,
    InvalidPassword,
    InsufficientUserAuthentication,
    RateLimited,
    WeakPassword,
    Overloaded,
    StorageFull,
)


def auth_routes(auth: AuthHandlers) -> list[Route]:
    """Rows under /auth."""
    return [*_signing_in(auth), *_of_oneself(auth)]


def _signing_in(auth: AuthHandlers) -> list[Route]:
    return [
        Route(
            method="POST",
            path=f"{API}/auth/login",
            access=PUBLIC,
            handler=auth.login,
            summary="Sign in with a username and a password",
            body=shapes.LoginBody,
            response=shapes.LoginOut,
            errors=LOGIN_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/login/continue",
            access=PUBLIC,
            handler=auth.login_continue,
            summary="Go on with a login that needs another step",
            body=shapes.ContinueBody,
            response=shapes.LoginOut,
            errors=LOGIN_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/refresh",
            access=PUBLIC,
            handler=auth.refresh,
            summary="Exchange a refresh token for the next tokens of the session",
            body=shapes.RefreshBody,
            response=shapes.LoginOut,
            errors=(InvalidGrant, AuthenticatorUnavailable, StorageFull),
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/logout",
            access=LOGOUT_ACCESS,
            handler=auth.logout,
            summary="End this session",
            status=204,
            errors=(SessionRequired, StorageFull),
            tag="auth",
        ),
    ]


def _of_oneself(auth: AuthHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/auth/me",
            access=OWN_ACCESS,
            handler=auth.me,
            summary="Who you are and what this credential may do",
            response=shapes.MeOut,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/reauthenticate",
            access=SESSION,
            handler=auth.reauthenticate,
            summary="Give your password again, for what wants a fresh sign-in",
            body=shapes.ReauthenticateBody,
            response=shapes.ReauthenticateOut,
            errors=(SessionRequired, InvalidPassword, RateLimited, Overloaded, StorageFull),
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/change-password",
            access=CHANGE_PASSWORD_ACCESS,
            handler=auth.change_password,
            summary="Change your own password",
            body=shapes.ChangePasswordBody,
            status=204,
            errors=CHANGE_PASSWORD_ERRORS,
            tag="auth",
        ),
    ]
