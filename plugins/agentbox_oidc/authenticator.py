"""The configured providers as one sign-in method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from agentbox.errors import LoginFailed, OutboundFailed
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

TOGETHER: Final = 8.0
"""Seconds for all requests of one step together, however many there are: the browser waits."""


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
        """Discover all of them at once, so that those that are silent hold up a start as one does.
        Raises `StartError`, for the first of several."""
        opening = (provider.open() for provider in self._providers.values())
        for fault in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(fault, BaseException):
                raise fault

    async def close(self) -> None:
        """End what is still asked for."""
        for provider in self._providers.values():
            await provider.close()

    async def start(self, context: LoginContext, login: RedirectLogin) -> Challenge:
        """Where to send the browser."""
        provider = self._providers.get(login.provider)
        if provider is None:
            raise LoginFailed("unknown_provider")
        async with _in_time():
            return await provider.start(fresh=login.fresh)

    async def finish(
        self, context: LoginContext, state: bytes, data: Mapping[str, Any]
    ) -> LoginAnswer:
        """Who has signed in there."""
        try:
            flow = msgspec.json.decode(state, type=FlowState)
        except msgspec.MsgspecError:  # another release began it, which remembers other things
            raise LoginFailed("unknown_flow") from None
        provider = self._providers.get(flow.provider)
        if provider is None:
            return NotMine()
        async with _in_time():
            return await provider.finish(context, flow, data)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TOGETHER):
            yield
    except TimeoutError:
        raise OutboundFailed("timeout") from None
