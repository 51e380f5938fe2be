"""A browser as small as can be: it keeps the cookies of its sign-ins, and goes where it is told.

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

FLOW_COOKIE = "__Host-agentbox_flow_"
"""What the name of a sign-in's cookie begins with."""

Visits = Callable[[], aiohttp.ClientSession]
"""What goes to the provider's pages."""


class Browser:
    """Somebody who signs in; `cookies` are those that it has, the oldest first."""

    def __init__(self, caller: Caller, visits: Visits = aiohttp.ClientSession) -> None:
        self._caller = caller
        self._visits = visits
        self.cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str | None:
        """What it sends as `Cookie`; None if it has none. May be set as well."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None

    @cookie.setter
    def cookie(self, header: str | None) -> None:
        pairs = (pair.partition("=") for pair in (header or "").split("; ") if pair)
        self.cookies = {name: value for name, _, value in pairs}

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """A request to agentbox with the cookies; those that come back are kept."""
        headers = dict(options.pop("headers", {}))
        if self.cookie is not None:
            headers.setdefault("Cookie", self.cookie)
        address = URL(path, encoded=True)
        answer = await self._caller.raw(
            method, address, headers=headers, allow_redirects=False, **options
        )
        self.keep(answer)
        return answer

    def keep(self, answer: Answer) -> None:
        """Do as its `Set-Cookie` headers say."""
        for text in answer.headers.getall("Set-Cookie", []):
            name, _, value = text.partition(";")[0].partition("=")
            assert name.startswith(FLOW_COOKIE), text
            if "Max-Age=0;" in text:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

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
