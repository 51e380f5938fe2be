"""The configured providers as one sign-in method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentbox.errors import LoginFailed
from agentbox.plugin import (
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginProvider,
    NotMine,
    RedirectAuthenticator,
    RedirectLogin,
    Services,
)
from agentbox_oidc.options import ProviderOptions
from agentbox_oidc.provider import FlowState, Provider


class OidcAuthenticator(RedirectAuthenticator):
    """Sign-in at OpenID providers, each told by its id."""

    def __init__(self, options: Mapping[str, ProviderOptions], services: Services) -> None:
        self._providers = {
            id_: Provider(id_, provider, services) for id_, provider in options.items()
        }

    @property
    def providers(self) -> Sequence[LoginProvider]:
        """In the order of the configuration."""
        return [provider.info for provider in self._providers.values()]

    async def open(self) -> None:
        """Discover all of them, one after the other. Raises `StartError`."""
        for provider in self._providers.values():
            await provider.open()

    async def start(self, context: LoginContext, login: RedirectLogin) -> Challenge:
        """Where to send the browser."""
        provider = self._providers.get(login.provider)
        if provider is None:
            raise LoginFailed("unknown_provider")
        return await provider.start()

    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        """Who has signed in there."""
        flow = msgspec.json.decode(state, type=FlowState)
        provider = self._providers.get(flow.provider)
        if provider is None:
            return NotMine()
        return await provider.finish(context, flow, data)
