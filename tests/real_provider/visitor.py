"""Somebody who signs in at the certified provider without a real browser: forms are filled in."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from tests.live import Answer, Caller
from tests.openid.browser import Browser

_FORM = re.compile(r'<form method="post" action="([^"]+)">')
_MOST_STEPS = 10


class Visitor(Browser):
    """A browser with the cookies of the provider besides, as whom `sub` and `password` say.

    Somebody who is signed in there is not asked again, as long as it is the same visitor.
    """

    def __init__(self, caller: Caller, sub: str, password: str, *, cancels: bool = False) -> None:
        super().__init__(caller)
        self.sub = sub
        self.password = password
        self.cancels = cancels
        self.forms = 0
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def visit(self, url: str) -> str:
        """From the first address at the provider to the path and query that it sends back to."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        method, form = "GET", None
        for _ in range(_MOST_STEPS):
            address = URL(url, encoded=True)
            async with self._session.request(
                method, address, data=form, allow_redirects=False
            ) as response:
                text = await response.text()
                if response.status in {302, 303}:
                    url = urljoin(url, response.headers["Location"])
                    method, form = "GET", None
                else:
                    url, form = self._filled_in(url, response.status, text)
                    method = "POST"
            if not url.startswith(f"{origin}/"):
                parts = urlsplit(url)
                return f"{parts.path}?{parts.query}"
        raise AssertionError(f"still at the provider: {url}")

    def _filled_in(self, url: str, status: int, text: str) -> tuple[str, dict[str, str]]:
        match = _FORM.search(text)
        assert status == 200, text
        assert match is not None, text
        self.forms += 1
        go = "back" if self.cancels else "on"
        form = {"login": self.sub, "password": self.password, "go": go}
        return urljoin(url, match[1]), form

    async def linked(self, caller: Caller, provider: str, **body: Any) -> Answer:
        """Link what is vouched for there to the user who calls: what the callback answers."""
        begun = await self.ask(
            "POST",
            f"/api/v1/auth/identities/{provider}/link",
            json=body,
            headers=caller.headers,
        )
        assert begun.status == 200, begun.text
        return await self.ask("GET", await self.visit(begun.body["url"]))
