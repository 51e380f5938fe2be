"""A provider that hangs for as long as a test wants it to."""

from __future__ import annotations

import asyncio

from aiohttp import web

from agentbox.web.outgoing.client import AT_ONE_SERVER
from tests.openid.fake_provider import FakeProvider

DOCUMENT = "openid-configuration"


class Gate:
    """A place at the provider where everybody waits until it is opened."""

    def __init__(self, provider: FakeProvider, place: str) -> None:
        self._provider = provider
        self._place = place
        self._open = asyncio.Event()
        self.most = 1 if place in {DOCUMENT, "keys"} else AT_ONE_SERVER
        """How many requests there are at a time: one for what all want to know."""

        provider.instead = {place: self._answer}
        provider.claims = {"email": ..., "email_verified": ...} if place == "userinfo" else {}

    def open(self) -> None:
        """Let all go on; whoever comes now does not wait."""
        self._open.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self._open.wait()
        return await self._provider.rightly(self._place, request)

    async def is_full(self) -> None:
        """Wait until as many as can be are here; soon, or not at all."""
        async with asyncio.timeout(5):
            while self._provider.asked[self._place] < self.most:
                await asyncio.sleep(0.01)
