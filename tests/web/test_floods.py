"""Floods on one connection: limits and deadlines cut them, and the loop stays free."""

from __future__ import annotations

import asyncio
import resource
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from agentbox.web.address import Address
from tests.web.live import PATIENCE, RawAnswer, serving, split

LONGEST_TURN = 0.05

POST = b"POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /public HTTP/1.1\r\nHost: localhost\r\n"

FLOODS = {
    "chunks": (CHUNKED + b"1\r\n \r\n" * 200_000, 413),
    "chunks with extensions": (CHUNKED + b"1;x=y\r\n \r\n" * 100_000, 413),
    "cookies": (GET + b"Cookie: a=b\r\n" * 10_000 + b"\r\n", 431),
    "bad cookies in one header": (GET + b"Cookie: " + b'="\\;' * 2000 + b"\r\n\r\n", 200),
    "headers": (GET + b"X-A: b\r\n" * 100_000 + b"\r\n", 431),
    "trailers": (CHUNKED + b'c\r\n{"name":"x"}\r\n0\r\n' + b"X-A: b\r\n" * 100_000, 431),
    "parameters": (b"GET /public?" + b"a&" * 3500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "pipelined requests": ((GET + b"\r\n") * 500 + GET + b"Connection: close\r\n\r\n", 200),
    "a chunk extension": (CHUNKED + b"1;" + b"x" * 5_000_000, 400),
}


class Turns:
    """How much processor time the loop's longest turn took."""

    longest = 0.0


@asynccontextmanager
async def watched() -> AsyncIterator[Turns]:
    """Measures processor time, not the clock's: other programs on the machine don't count."""
    turns, loop = Turns(), asyncio.get_running_loop()
    last = time.thread_time()

    def turn() -> None:
        nonlocal last, handle
        now = time.thread_time()
        turns.longest, last = max(turns.longest, now - last), now
        handle = loop.call_soon(turn)

    handle = loop.call_soon(turn)
    try:
        yield turns
    finally:
        handle.cancel()


def flood(address: Address, data: bytes) -> RawAnswer:
    """Pour `data` into a connection until it is answered or closed; the last answer.

    Runs in a thread of its own, so that its work does not count as the loop's. A server that closes
    while data still comes resets the connection, and the reset may overtake the answer (RFC 9112
    section 9.6): then there is nothing to read, and the flood is poured again.
    """
    for _ in range(10):
        received = _poured(address, data)
        if received:
            return split(received)[-1]
    raise AssertionError("closed ten times without an answer")


def _poured(address: Address, data: bytes) -> bytes:
    waiting, received = memoryview(data), b""
    wanted = data.count(b" HTTP/1.1\r\n")
    with socket.create_connection((address.host, address.port), timeout=PATIENCE) as connection:
        connection.setblocking(False)
        while received.count(b"HTTP/1.1 ") + received.count(b"HTTP/1.0 ") < wanted:
            readable, writable, _ = select.select(
                [connection], [connection] if waiting else [], [], PATIENCE
            )
            try:
                if readable:
                    part = connection.recv(65536)
                    if not part:
                        break
                    received += part
                if writable:
                    waiting = waiting[connection.send(waiting[:65536]) :]
            except ConnectionError:
                break
    return received


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_cut_and_the_loop_stays_free(name: str) -> None:  # IV-02
    data, status = FLOODS[name]
    async with serving(body_deadline=1.0) as live, watched() as turns:
        async with asyncio.timeout(PATIENCE):
            answer = await asyncio.to_thread(flood, live.address, data)

    assert answer.status == status
    assert turns.longest < LONGEST_TURN


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for both ends of 500 connections in one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_five_hundred_slow_clients_do_not_keep_the_others_waiting() -> None:  # IV-02
    slow = [POST, POST + b"Content-Length: 50\r\n\r\n{", CHUNKED + b"5", GET]
    async with serving() as live:
        held = []
        for number in range(500):
            reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
            writer.write(slow[number % len(slow)])
            held.append((reader, writer))
        async with asyncio.timeout(5):
            answers = [await live.ask("GET", "/probe") for _ in range(20)]
        for _, writer in held:
            writer.close()

    assert {answer.status for answer in answers} == {200}
