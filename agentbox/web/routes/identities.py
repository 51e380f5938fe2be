"""Sign-in at other sites."""

from __future__ import annotations

from agentbox.errors import (
    AuthenticatorUnavailable,
    Conflict,
    InvalidGrant,
    InvalidPassword,
    NotFound,
    Overloaded,
    Problem,
    RateLimited,
    SessionRequired,
    StorageFull,
)
from agentbox.model.access.route import PUBLIC, SESSION, Access
from agentbox.plugin.routes import Route
from agentbox.web.handlers.identities import FLOW_COOKIE, IdentityHandlers
from agentbox.web.handlers.shapes import identities as shapes
from agentbox.web.handlers.shapes.auth import LoginOut
from agentbox.web.routes.place import API

FRESH = Access(kind="session", fresh=True)

BEGIN_ERRORS: tuple[type[Problem], ...] = (
    NotFound,
    InvalidGrant,
    RateLimited,
    AuthenticatorUnavailable,
    StorageFull,
)
FINISH_ERRORS: tuple[type[Problem], ...] = (InvalidGrant, AuthenticatorUnavailable, StorageFull)


def identity_routes(identities: IdentityHandlers) -> list[Route]:
    """Rows under /auth for other sites."""
    return [*_signing_in(identities), *_coming_back(identities), *_of_oneself(identities)]


def _signing_in(identities: IdentityHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/auth/providers",
            access=PUBLIC,
            handler=identities.providers,
            summary="The ways to sign in that a login page may offer",
            response=shapes.ProviderListOut,
            tag="auth",
        ),
        Route(
            method="GET",
            path=f"{API}/auth/{{provider}}/url",
            access=PUBLIC,
            handler=identities.url,
            head=False,
            summary="Where to send the browser to sign in at a provider",
            query=shapes.BeginQuery,
            response=shapes.UrlOut,
            cookies=FLOW_COOKIE,
            errors=BEGIN_ERRORS,
            tag="auth",
        ),
        Route(
            method="GET",
            path=f"{API}/auth/{{provider}}/login",
            access=PUBLIC,
            handler=identities.login,
            head=False,
            summary="Send the browser to sign in at a provider",
            query=shapes.BeginQuery,
            status=302,
            cookies=FLOW_COOKIE,
            errors=BEGIN_ERRORS,
            tag="auth",
        ),
    ]


def _coming_back(identities: IdentityHandlers) -> list[Route]:
    path = f"{API}/auth/{{provider}}/callback"
    return [
        Route(
            method="GET",
            path=path,
            access=PUBLIC,
            handler=identities.callback,
            head=False,
            summary="Where a provider sends the browser back to",
            query=shapes.CallbackQuery,
            response=LoginOut,
            also=(204, 302),
            cookies=FLOW_COOKIE,
            errors=FINISH_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=path,
            access=PUBLIC,
            handler=identities.callback_posted,
            summary="The same, sent by a page that the provider sent the browser back to",
            body=shapes.CallbackBody,
            response=LoginOut,
            also=(204, 302),
            cookies=FLOW_COOKIE,
            errors=FINISH_ERRORS,
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/exchange",
            access=PUBLIC,
            handler=identities.exchange,
            summary="Exchange the one-time code of a sign-in for its tokens",
            body=shapes.ExchangeBody,
            response=LoginOut,
            cookies=FLOW_COOKIE,
            errors=FINISH_ERRORS,
            tag="auth",
        ),
    ]


def _of_oneself(identities: IdentityHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/auth/identities",
            access=SESSION,
            handler=identities.list_own,
            summary="List your own sign-ins at other sites",
            response=shapes.IdentityListOut,
            errors=(SessionRequired,),
            tag="auth",
        ),
        Route(
            method="POST",
            path=f"{API}/auth/identities/{{provider}}/link",
            access=FRESH,
            handler=identities.link,
            summary="Begin to link a sign-in at another site to yourself",
            body=shapes.LinkBody,
            body_required=False,
            response=shapes.UrlOut,
            cookies=FLOW_COOKIE,
            errors=(SessionRequired, InvalidPassword, Overloaded, *BEGIN_ERRORS),
            tag="auth",
        ),
        Route(
            method="DELETE",
            path=f"{API}/auth/identities/{{identity_id}}",
            access=FRESH,
            handler=identities.unlink,
            summary="Take one of your own sign-ins at other sites away",
            status=204,
            errors=(SessionRequired, NotFound, Conflict, StorageFull),
            tag="auth",
        ),
    ]
