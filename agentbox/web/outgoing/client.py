"""Requests of our own to other servers (`agentbox.plugin.http`): the only client there is."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import aiohttp
from aiohttp import hdrs
from yarl import URL

from agentbox.config.sections import is_loopback
from agentbox.errors import OutboundFailed
from agentbox.model.formats import strict_json
from agentbox.model.secret import Secret
from agentbox.plugin.http import DEADLINE, MOST_BYTES, HttpClient, JsonAnswer
from agentbox.plugin.origins import canonical_origin, host_of
from agentbox.web.outgoing.resolver import Resolver

AT_ONE_SERVER: Final = 8
"""Connections at a time; further requests to it wait within their deadline. There is no limit for
all servers together, of which there are as many as are configured: those that hang would use it
up, and hold up requests to the others."""

# What is packed could unpack to anything, so nothing packed is asked for, and none is read.
_HEADERS: Final = {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "identity"}


class OutgoingHttp:
    """Hands out clients that share connections and nothing else: no cookies, no proxy, no netrc."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[OutgoingHttp]:
        """One for the life of a process; its connections are closed at the end."""
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=AT_ONE_SERVER, resolver=Resolver())
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=_HEADERS,
            skip_auto_headers=[hdrs.USER_AGENT],
        ) as session:
            yield cls(session)

    def to(self, origins: Collection[str]) -> HttpClient:
        """A client for these origins alone. Raises ValueError for what can't be one."""
        return _Client(self._session, frozenset(map(_origin, origins)))


class OfflineHttp:
    """For commands beside a server, which ask nobody: a provider that is away, or has become
    somebody else, must not keep an operator from mending things."""

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[OfflineHttp]:
        """One for the life of a command."""
        yield cls()

    def to(self, origins: Collection[str]) -> HttpClient:
        """A client whose requests all fail. Raises ValueError as the real one does."""
        for origin in origins:
            _origin(origin)
        return _Offline()


class _Offline:
    """`HttpClient` that asks nobody."""

    async def get(self, url: str, **options: object) -> JsonAnswer:
        raise OutboundFailed("offline")

    async def post_form(
        self, url: str, fields: Mapping[str, str | Secret], **options: object
    ) -> JsonAnswer:
        raise OutboundFailed("offline")

    async def post_json(self, url: str, text: bytes, **options: object) -> JsonAnswer:
        raise OutboundFailed("offline")


class _Client:
    """`HttpClient` for a set of origins."""

    def __init__(self, session: aiohttp.ClientSession, origins: frozenset[str]) -> None:
        self._session = session
        self._origins = origins

    async def get(
        self, url: str, *, bearer: Secret | None = None, deadline: float = DEADLINE
    ) -> JsonAnswer:
        headers = {} if bearer is None else {hdrs.AUTHORIZATION: f"Bearer {bearer.reveal()}"}
        return await self._ask("GET", url, deadline, headers=headers)

    async def post_form(
        self,
        url: str,
        fields: Mapping[str, str | Secret],
        *,
        basic: tuple[str, Secret] | None = None,
        deadline: float = DEADLINE,
    ) -> JsonAnswer:
        form = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in fields.items()
        }
        headers = {}
        if basic is not None:
            # Encoded as in a form before they are joined (RFC 6749 section 2.3.1).
            pair = f"{quote_plus(basic[0])}:{quote_plus(basic[1].reveal())}"
            headers[hdrs.AUTHORIZATION] = f"Basic {b64encode(pair.encode()).decode()}"
        return await self._ask("POST", url, deadline, headers=headers, data=form)

    async def post_json(
        self,
        url: str,
        text: bytes,
        *,
        headers: Mapping[str, str | Secret] = {},
        deadline: float = DEADLINE,
    ) -> JsonAnswer:
        revealed = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in headers.items()
        }
        revealed[hdrs.CONTENT_TYPE] = "application/json"
        return await self._ask("POST", url, deadline, lenient=True, headers=revealed, data=text)

    async def _ask(
        self, method: str, url: str, deadline: float, *, lenient: bool = False, **options: Any
    ) -> JsonAnswer:
        address = self._permitted(url)
        try:
            async with asyncio.timeout(deadline):
                async with self._session.request(
                    method,
                    address,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                    **options,
                ) as response:
                    return await _read(response, lenient=lenient)
        except TimeoutError:
            raise OutboundFailed("timeout") from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise OutboundFailed("tls") from None
        # What aiohttp says holds the address, with what stands in it.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutboundFailed("connection", type(error).__name__) from None

    def _permitted(self, url: str) -> URL:
        """The address, if it leads to one of our origins and nowhere else."""
        try:
            address = URL(url)
            origin = canonical_origin(str(address.origin()))
        except ValueError:
            raise OutboundFailed("origin") from None
        if origin not in self._origins or address.user or address.password or address.fragment:
            raise OutboundFailed("origin")
        return address


async def _read(response: aiohttp.ClientResponse, *, lenient: bool) -> JsonAnswer:
    """Takes whatever comes with an error and is no JSON object for `{}`: something in between may
    tell it, and its status is what counts. `lenient` takes no body for `{}` as well, and does not
    look at what it calls itself."""
    _refuse_redirect(response)
    try:
        _refuse_packed(response)
        if not lenient:
            _refuse_what_is_not_json(response)
        text = await _limited(response)
        return _answer(response, _object(text) if text or not lenient else {})
    except OutboundFailed:
        if response.status < 400:
            raise
        return _answer(response, {})


def _refuse_redirect(response: aiohttp.ClientResponse) -> None:
    if 300 <= response.status < 400:
        raise OutboundFailed("redirect")


def _refuse_packed(response: aiohttp.ClientResponse) -> None:
    if response.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise OutboundFailed("content", "packed")


def _refuse_what_is_not_json(response: aiohttp.ClientResponse) -> None:
    if not (response.content_type == "application/json" or response.content_type.endswith("+json")):
        raise OutboundFailed("content", "not JSON")


def _object(text: bytes) -> dict[str, object]:
    try:
        body = strict_json.loads(text)
    except (strict_json.MalformedJson, strict_json.NulInText):
        raise OutboundFailed("content", "malformed JSON") from None
    if not isinstance(body, dict):
        raise OutboundFailed("content", "no JSON object")
    return body


def _answer(response: aiohttp.ClientResponse, body: dict[str, object]) -> JsonAnswer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return JsonAnswer(response.status, body, headers)


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises `OutboundFailed` once it is known to be too large, and reads no further."""
    if (response.content_length or 0) > MOST_BYTES:
        raise OutboundFailed("size")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            raise OutboundFailed("size")
        parts.append(part)
    return b"".join(parts)


def _origin(text: str) -> str:
    origin = canonical_origin(text)
    if origin is None:
        raise ValueError(f"{text!r} is not an origin such as https://accounts.example.org")
    if urlsplit(origin).scheme == "http" and not is_loopback(host_of(origin)):
        raise ValueError(f"{origin} is plain http, which is for this machine alone")
    return origin
