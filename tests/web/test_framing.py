"""Requests that two parsers could read in two ways are refused, and the connection closes."""

from __future__ import annotations

import asyncio

import aiohttp.http_parser
import pytest
import structlog.testing

from tests.web.live import Live, read_answer, split

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /items HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
GET = b"GET /public HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
ITEM = b'{"name":"x"}'

REFUSED = {
    "length and encoding": POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a length in other digits": POST + "Content-Length: ٢\r\n\r\n{}".encode(),
    "a length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "a folded header": GET + b"X-A: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET /public HTTP/1.1\nHost: 127.0.0.1\n\n",
    "a bare carriage return": b"GET /public HTTP/1.1\r\nHost: 127.0.0.1\rX: y\r\n\r\n",
    "a blank before the colon": b"GET /public HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    "NUL in a header": GET + b"X-A: a\0b\r\n\r\n",
    "identity as encoding": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two encodings": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunks with bare line feeds": CHUNKED + b"c\n" + ITEM + b"\n0\n\n",
    "a line feed in a chunk extension": CHUNKED + b"c;a\nb\r\n" + ITEM + b"\r\n0\r\n\r\n",
    "no Host": b"GET /public HTTP/1.1\r\n\r\n",
    "two Hosts": GET + HOST + b"\r\n",
    "HTTP/0.9": b"GET /public\r\n\r\n",
    "HTTP/1.10": b"GET /public HTTP/1.10\r\n" + HOST + b"\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method that is no token": b"GE(T /public HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method nobody knows": b"BREW /public HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET public HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the target": b"GET /public x HTTP/1.1\r\n" + HOST + b"\r\n",
    "UTF-8 in the target": b"GET /public\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no UTF-8 in the target": b"GET /public\xff HTTP/1.1\r\n" + HOST + b"\r\n",
}

REFUSED_BY_US = {
    "HTTP/2.0": b"GET /public HTTP/2.0\r\n" + HOST + b"\r\n",
    "an encoding in HTTP/1.0": b"POST /items HTTP/1.0\r\n"
    + HOST
    + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n"
    + ITEM
    + b"\r\n0\r\n\r\n",
    "an encoding before chunked": POST
    + b"Connection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\nc\r\n"
    + ITEM
    + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("vector", REFUSED.values(), ids=REFUSED.keys())
async def test_ambiguous_framing_is_400_and_the_connection_closes(  # IV-09
    live: Live, vector: bytes
) -> None:
    """No handler runs, and a second request behind the first is never read."""
    answers = await live.send(vector + GET + b"\r\n", close=True)

    assert [answer.status for answer in answers] == [400]
    assert answers[0].json["error"] == "invalid_request"
    assert answers[0].headers["connection"] == "close"
    assert live.handlers.calls == 0


@pytest.mark.parametrize("vector", REFUSED_BY_US.values(), ids=REFUSED_BY_US.keys())
async def test_what_the_parser_lets_pass_and_we_do_not_is_400(live: Live, vector: bytes) -> None:
    answers = await live.send(vector)

    assert [answer.status for answer in answers] == [400]
    assert live.handlers.calls == 0


async def test_a_chunk_extension_is_ignored(live: Live) -> None:  # IV-09
    [answer] = await live.send(CHUNKED + b"c;a=b\r\n" + ITEM + b"\r\n0\r\n\r\n")

    assert answer.json["body"]["name"] == "x"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST,
        GET + b"X-Long: " + b"a" * 9000 + b"\r\n",
        GET + b"Authorization: Bearer " + b"a" * 9000 + b"\r\n",
        GET + b"X-A: a\r\n" * 200,
    ],
    ids=["request line", "header", "bearer", "number of headers"],
)
async def test_a_head_over_the_limit_is_431(live: Live, head: bytes) -> None:
    [answer] = await live.send(head + b"\r\n", close=True)

    assert (answer.status, answer.json["error"]) == (431, "headers_too_large")


async def test_a_bad_request_on_a_kept_connection_is_told_and_ends_it(live: Live) -> None:
    reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
    async with asyncio.timeout(10):
        writer.write(GET + b"\r\n")
        first = await read_answer(reader)
        writer.write(REFUSED["two lengths"] + GET + b"\r\n")
        rest = split(await reader.read())

    assert [answer.status for answer in (first, *rest)] == [200, 400]
    writer.close()


async def test_a_body_that_breaks_after_its_head_is_told_at_once(live: Live) -> None:
    """The handler already waits for the body; it does not wait for the deadline."""
    reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
    writer.write(POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")

    writer.write(b"zz\r\n")
    async with asyncio.timeout(10):
        [answer] = split(await reader.read())

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    writer.close()


async def test_rubbish_behind_a_whole_request_does_not_spoil_it(live: Live) -> None:
    """It comes while the request is still being authenticated, its body there but not read."""
    live.runtime.recognition.free.clear()
    reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
    head = b"POST /guarded HTTP/1.1\r\nAuthorization: Bearer session\r\n" + HOST
    writer.write(head + b"Content-Type: application/json\r\nContent-Length: 12\r\n\r\n" + ITEM)
    async with asyncio.timeout(10):
        await live.runtime.recognition.asked.wait()
        writer.write(b"rubbish\r\n\r\n")
        await live.ask("GET", "/public")  # the rubbish has been read when this is answered
        live.runtime.recognition.free.set()
        answers = split(await reader.read())

    assert [answer.status for answer in answers] == [200, 400]
    writer.close()


async def test_a_refused_request_is_not_quoted_anywhere(live: Live) -> None:  # OB-01, WB-07
    """aiohttp's own answer and its log line would hold the header that is wrong."""
    bad = GET + b"Authorization: Bearer canary-token\x00\r\n\r\n"

    with structlog.testing.capture_logs() as lines:
        [answer] = await live.send(bad, close=True)

    assert b"canary" not in answer.body
    assert "canary" not in repr(lines)
    assert [line["event"] for line in lines] == ["request_refused"]


async def test_a_parser_error_carries_every_header_and_no_banner(live: Live) -> None:  # WB-04
    [answer] = await live.send(REFUSED["two lengths"], close=True)

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_the_parser_in_c_is_loaded() -> None:  # IV-09
    used = aiohttp.http_parser.HttpRequestParser
    assert used is not aiohttp.http_parser.HttpRequestParserPy
