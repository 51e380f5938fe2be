"""A browser as small as can be: it keeps one cookie, and goes where it is told.

aiohttp's own jar would not send a Secure cookie over plain http, and no redirect is followed
without the test saying so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from yarl import URL

from tests.live import Answer, Caller

FLOW_COOKIE = "__Host-agentbox_flow"

Visits = Callable[[], aiohttp.ClientSession]
"""What goes to the provider's pages."""


class Browser:
    """Somebody who signs in; `cookie` is what it was given last."""

    def __init__(self, caller: Caller, visits: Visits = aiohttp.ClientSession) -> None:
        self._caller = caller
        self._visits = visits
        self.cookie: str | None = None

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """A request to agentbox with the cookie; the one that comes back is kept."""
        headers = dict(options.pop("headers", {}))
        if self.cookie is not None:
            headers.setdefault("Cookie", f"{FLOW_COOKIE}={self.cookie}")
        address = URL(path, encoded=True)
        answer = await self._caller.raw(
            method, address, headers=headers, allow_redirects=False, **options
        )
        given = answer.headers.get("Set-Cookie", "")
        if given.startswith(f"{FLOW_COOKIE}="):
            self.cookie = given.partition(";")[0].partition("=")[2] or None
        return answer

    async def begin(self, provider: str, **query: str) -> Answer:
        """GET /auth/{provider}/url."""
        address = URL(f"/api/v1/auth/{provider}/url").with_query(query)
        return await self.ask("GET", str(address))

    async def visit(self, url: str) -> str:
        """At the provider: the path and query that it sends the browser back to."""
        async with (
            self._visits() as session,
            session.get(URL(url, encoded=True), allow_redirects=False) as response,
        ):
            assert response.status == 302, await response.text()
            parts = urlsplit(response.headers["Location"])
        return f"{parts.path}?{parts.query}"

    async def returned(self, provider: str, **query: str) -> str:
        """Begin and visit: the callback that is yet to be made."""
        begun = await self.begin(provider, **query)
        assert begun.status == 200, begun.text
        return await self.visit(begun.body["url"])

    async def sign_in(self, provider: str, **query: str) -> Answer:
        """All of it: what the callback answers."""
        return await self.ask("GET", await self.returned(provider, **query))


def parameters(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
