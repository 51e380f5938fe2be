"""Answers of a server that is broken, overrun, or up to no good."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

from aiohttp import web

from tests.openid.fake_provider import Answerer

HUGE = 50 * 1024 * 1024
PART = b" " * 65536

WELL_FORMED = json.dumps({"access_token": "a", "token_type": "Bearer"}).encode()


class Sent:
    """How many bytes went out before somebody hung up."""

    def __init__(self) -> None:
        self.bytes = 0


def body(
    data: bytes, status: int = 200, kind: str = "application/json", **headers: str
) -> Answerer:
    """This body, whatever was asked."""

    async def answer(request: web.Request) -> web.StreamResponse:
        given = {"Content-Type": kind} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return web.Response(body=data, status=status, headers=given)

    return answer


def of_json(value: Any, status: int = 200) -> Answerer:
    """A JSON body."""
    return body(json.dumps(value).encode(), status)


def redirect(status: int, target: str) -> Answerer:
    """Elsewhere."""
    return body(WELL_FORMED, status, Location=target)


def endless(sent: Sent, *, told: bool) -> Answerer:
    """50 MB, with or without a Content-Length that says so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if told:
            response.content_length = HUGE
        await response.prepare(request)
        while sent.bytes < HUGE:
            await response.write(PART)
            sent.bytes += len(PART)
        return response

    return answer


async def silent(request: web.Request) -> web.StreamResponse:
    """Takes the request and says nothing."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def drip(request: web.Request) -> web.StreamResponse:
    """A byte, and another one, and so on."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def half(request: web.Request) -> web.StreamResponse:
    """Half of what it promises, and then nothing."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(WELL_FORMED)
    await response.prepare(request)
    await response.write(WELL_FORMED[:10])
    return await silent(request)


async def cut(request: web.Request) -> web.StreamResponse:
    """Half of what it promises, and then the end of the connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(WELL_FORMED)
    await response.prepare(request)
    await response.write(WELL_FORMED[:10])
    return hung_up(request, response)


async def gone(request: web.Request) -> web.StreamResponse:
    """Hangs up without a word."""
    return hung_up(request, web.Response())


def hung_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return response


def raw(data: bytes) -> Answerer:
    """What may not be HTTP at all."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        return web.Response()

    return answer


BROKEN: dict[str, tuple[Answerer, str]] = {
    "500": (of_json({"error": "server_error"}, 500), "status"),
    "503": (of_json({}, 503), "status"),
    "429": (of_json({}, 429), "status"),
    "404": (of_json({}, 404), "status"),
    "500 in HTML": (body(b"<h1>Oops</h1>", 500, "text/html"), "status"),
    "403 in HTML": (body(b"<h1>No</h1>", 403, "text/html"), "status"),
    "400 and nothing": (body(b"", 400), "status"),
    "HTML": (body(b"<html>Sign in</html>", kind="text/html"), "content"),
    "JSON that calls itself HTML": (body(WELL_FORMED, kind="text/html"), "content"),
    "JSON that calls itself nothing": (body(WELL_FORMED, kind=""), "content"),
    "half of it": (body(WELL_FORMED[:-1]), "content"),
    "more than it": (body(WELL_FORMED + b"{}"), "content"),
    "nothing": (body(b""), "content"),
    "a list": (body(b"[]"), "content"),
    "null": (body(b"null"), "content"),
    "NaN": (body(b'{"expires_in": NaN}'), "content"),
    "equal names": (body(b'{"token_type": "Bearer", "token\\u005ftype": "Bearer"}'), "content"),
    "nested": (body(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "size"),
    "nested less": (body(b'{"a":' * 40 + b"1" + b"}" * 40), "content"),
    "not in UTF-8": (body(b'{"a": "\xff"}'), "content"),
    "half a surrogate": (body(b'{"a": "\\ud800"}'), "content"),
    "NUL": (body(b'{"a": "\\u0000"}'), "content"),
    "a byte order mark": (body(b"\xef\xbb\xbf" + WELL_FORMED), "content"),
    "packed": (body(gzip.compress(WELL_FORMED), Content_Encoding="gzip"), "content"),
    "packed, it says": (body(WELL_FORMED, Content_Encoding="br"), "content"),
    "cut": (cut, "connection"),
    "gone": (gone, "connection"),
    "no HTTP": (raw(b"220 mail.example ESMTP\r\n"), "connection"),
    "headers without end": (
        raw(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n"),
        "connection",
    ),
}
"""Each with the word of `OutboundFailed` for it."""
