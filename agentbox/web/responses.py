"""Answers and the headers that every one of them carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

PROBLEM_JSON: Final = "application/problem+json"
REQUEST_ID: Final = istr("X-Request-Id")

# Nothing that this server sends is a page with parts, except its documents, which say so.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = (
    (hdrs.CACHE_CONTROL, "no-store"),
    (istr("Content-Security-Policy"), CONTENT_SECURITY_POLICY),
    (istr("Cross-Origin-Opener-Policy"), "same-origin"),
    (istr("Referrer-Policy"), "no-referrer"),
    (istr("X-Content-Type-Options"), "nosniff"),
)
_HSTS: Final = (istr("Strict-Transport-Security"), "max-age=31536000")


class Answer(web.Response):
    """A response of ready bytes that does not name the software behind it."""

    async def _prepare_headers(self) -> None:
        # aiohttp adds its name and version here, and has no setting for it (security: no banner).
        await super()._prepare_headers()
        self._headers.pop(hdrs.SERVER, None)


class Headers:
    """The headers of every answer of one deployment, put together once."""

    __slots__ = ("plain", "problem")

    def __init__(self, *, https: bool) -> None:
        self.plain: Final = CIMultiDict(_ALWAYS)
        if https:
            self.plain.add(*_HSTS)
        self.problem: Final = self.of_type(PROBLEM_JSON)

    def of_type(self, content_type: str) -> CIMultiDict[str]:
        """The headers of every answer, and this media type."""
        headers = self.plain.copy()
        headers[hdrs.CONTENT_TYPE] = content_type
        return headers

    def with_own(
        self, content_type: str | None, own: Mapping[str, str], cookies: Iterable[str] = ()
    ) -> CIMultiDict[str]:
        """The headers of every answer, overridden by a route's `own`, and its cookies.

        Raises ValueError for control characters in them, which could begin another header.
        """
        headers = self.plain.copy()
        if content_type is not None:
            headers[hdrs.CONTENT_TYPE] = content_type
        for name, value in own.items():
            if not (name + value).isprintable():
                raise ValueError(f"the response header {name!r} holds control characters")
            headers[name] = value
        for text in cookies:
            if not text.isprintable():
                raise ValueError("a cookie holds control characters")
            headers.add(hdrs.SET_COOKIE, text)
        return headers
