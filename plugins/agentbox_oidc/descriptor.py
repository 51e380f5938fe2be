"""What the kinds `oidc` and `google` are called, and how they are opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from agentbox.plugin import AuthenticatorType, Services
from agentbox_oidc.options import GoogleOptions, OidcOptions, ProviderOptions


@asynccontextmanager
async def _open_oidc(services: Services) -> AsyncIterator[object]:
    options: OidcOptions = services.options
    yield await _opened(options.providers, services)


@asynccontextmanager
async def _open_google(services: Services) -> AsyncIterator[object]:
    options: GoogleOptions = services.options
    yield await _opened({"google": options.provider()}, services)


async def _opened(options: Mapping[str, ProviderOptions], services: Services) -> object:
    # PyJWT and cryptography are imported when the server opens, not when a command lists plugins.
    from agentbox_oidc.authenticator import OidcAuthenticator

    authenticator = OidcAuthenticator(options, services)
    await authenticator.open()
    return authenticator


OIDC_TYPE = AuthenticatorType(
    name="oidc",
    open=_open_oidc,
    options=OidcOptions,
    description="Sign-in at OpenID providers: Keycloak, authentik, Entra and others.",
)

GOOGLE_TYPE = AuthenticatorType(
    name="google",
    open=_open_google,
    options=GoogleOptions,
    description="Sign-in with Google.",
)
