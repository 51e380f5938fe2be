"""What is known of a provider: discovered when it is first needed, and again when it has moved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from agentbox.errors import OutboundFailed, StartError
from agentbox.plugin import HttpClient, JsonAnswer, Services
from agentbox_oidc.discovery import Metadata, metadata_url, origin_of, read_metadata
from agentbox_oidc.jwks import RemoteKeys
from agentbox_oidc.options import ProviderOptions

ASK_AGAIN: Final = 10.0
"""Seconds between two attempts to discover a provider that did not answer, or has moved."""

_LEFT: Final = frozenset({"status", "content", "redirect"})
"""How an address answers that its provider may have left."""


class Known(msgspec.Struct, frozen=True):
    """Where a provider is asked, by which client, and its keys."""

    metadata: Metadata
    client: HttpClient
    keys: RemoteKeys


class Discovery:
    """What is known of one provider, for as long as it seems to hold."""

    def __init__(self, id_: str, options: ProviderOptions, services: Services) -> None:
        self._id = id_
        self._options = options
        self._services = services
        self._client = services.outgoing.to([origin_of(options.issuer)])
        self._known: Known | None = None
        self._doubted = False
        self._tried = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def known(self) -> Known:
        """What is known of the provider, discovered if need be. One that has moved and can't be
        discovered anew is taken for where it was.

        Raises `OutboundFailed`, and `StartError` for a document that can't be right.
        """
        if self._known is not None and (not self._doubted or self._one_at_a_time.locked()):
            return self._known  # one asks, and nobody waits for it who need not
        async with self._one_at_a_time:
            if self._known is None or self._doubted:
                await self._discover()
            if self._known is None:
                raise OutboundFailed("undiscovered")
            return self._known

    @contextmanager
    def doubting(self, known: Known) -> Iterator[None]:
        """While its addresses are asked: those that it may have left are looked up again, the next
        time that somebody needs them."""
        try:
            yield
        except OutboundFailed as failure:
            if failure.reason in _LEFT and known is self._known:
                self._doubted = True
            raise

    async def close(self) -> None:
        """End what is still asked for."""
        if self._known is not None:
            await self._known.keys.close()

    async def _discover(self) -> None:
        now = self._services.clock.monotonic()
        if now - self._tried < ASK_AGAIN:
            return
        self._tried = now
        before = self._known
        try:
            found = await self._asked()
        except OutboundFailed:
            if before is None:
                raise
            return
        except StartError:
            await self._replace(None)
            raise
        self._doubted = False
        await self._replace(found)
        if before is not None and found is not before:
            self._services.log.warning("provider_moved", provider=self._id)

    async def _replace(self, found: Known | None) -> None:
        before, self._known = self._known, found
        if before is not None and (found is None or found.keys is not before.keys):
            await before.keys.close()

    async def _asked(self) -> Known:
        try:
            return self._read(await self._client.get(metadata_url(self._options.issuer)))
        except OutboundFailed as failure:
            if failure.reason != "offline":
                self._services.log.warning(
                    "provider_not_discovered",
                    provider=self._id,
                    reason=failure.reason,
                    detail=str(failure),
                )
            raise

    def _read(self, answer: JsonAnswer) -> Known:
        metadata = read_metadata(answer, self._options)
        before = self._known
        if before is not None and before.metadata == metadata:
            return before
        try:
            client = self._services.outgoing.to(metadata.origins)
        except ValueError as error:
            raise StartError(f"{self._options.issuer}: {error}.") from None
        if before is not None and before.metadata.jwks_uri == metadata.jwks_uri:
            return Known(metadata, client, before.keys)  # which know when they were last asked for
        clock = self._services.clock
        keys = RemoteKeys(client, metadata.jwks_uri, self._options.algorithm, clock)
        return Known(metadata, client, keys)
