"""Who is the client, where proxies stand in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agentbox.model.formats.networks import contains_address, parse_address
from agentbox.web.context import CONTEXT

FORWARDED_FOR: Final = "X-Forwarded-For"


def forwarded(trusted: Sequence[str]) -> Middleware:
    """Notes the client's address for everything inside; `trusted` are networks of proxies.

    - The peer of the connection is the client, unless it is trusted.
    - A trusted peer's X-Forwarded-For is walked from right to left, all its lines as one list, over
      trusted hops: the first that is not trusted is the client, or the leftmost one.
    - The walk ends before what is no address (a port is left out): the last hop believed is then
      the client. So a client can't choose its address, whatever it sends.
    - Nothing else that a proxy may forward is looked at.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = peer_of(request)
        if trusted and FORWARDED_FOR in request.headers:
            address = client_of(address, request.headers.getall(FORWARDED_FOR), trusted)
        request[CONTEXT].address = address
        return await handler(request)

    return middleware


def peer_of(request: web.BaseRequest) -> str | None:
    """The other end of the connection; for what never came through the middleware."""
    return request.remote or None


def client_of(peer: str | None, lines: Sequence[str], trusted: Sequence[str]) -> str | None:
    """The client of a request that came from `peer` with these lines of X-Forwarded-For."""
    client = peer
    for hop in _from_the_right(lines):
        if hop is None or not contains_address(trusted, client):
            break
        client = hop
    return client


def _from_the_right(lines: Sequence[str]) -> Iterator[str | None]:
    """The addresses in their usual form; None for what is none."""
    for text in reversed(",".join(lines).split(",")):
        address = None if "%" in text else parse_address(_without_port(text.strip(" \t")))
        yield None if address is None else str(address)


def _without_port(text: str) -> str:
    """`192.0.2.7:1234` and `[2001:db8::7]:1234`, as some proxies write them."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        return address if bracket and (not port or _is_port(port)) else ""
    address, _, _ = text.partition(":")
    return address if text.count(":") == 1 and _is_port(text[len(address) :]) else text


def _is_port(text: str) -> bool:
    return text[:1] == ":" and text[1:].isascii() and text[1:].isdigit()
