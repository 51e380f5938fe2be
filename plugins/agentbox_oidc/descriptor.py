"""What the kinds `oidc` and `google` are called, and how they are opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from agentbox.plugin import AuthenticatorType, Services
from agentbox_oidc.options import GoogleOptions, OidcOptions, ProviderOptions


@asynccontextmanager
async def _open_oidc(services: Services) -> AsyncIterator[object]:
    options: OidcOptions = services.options
    async with _opened(options.providers, services) as authenticator:
        yield authenticator


@asynccontextmanager
async def _open_google(services: Services) -> AsyncIterator[object]:
    options: GoogleOptions = services.options
    async with _opened({"google": options.provider()}, services) as authenticator:
        yield authenticator


@asynccontextmanager
async def _opened(
    options: Mapping[str, ProviderOptions], services: Services
) -> AsyncIterator[object]:
    # PyJWT and cryptography are imported when the server opens, not when a command lists plugins.
    from agentbox_oidc.authenticator import OidcAuthenticator

    authenticator = OidcAuthenticator(options, services)
    await authenticator.open()
    try:
        yield authenticator
    finally:
        await authenticator.close()


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
