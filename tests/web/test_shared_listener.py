"""Accepting from one socket in several processes, tried with several listeners on one."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from agentbox.web.crowd import SLACK, Crowd, Shared
from agentbox.web.server import Server
from agentbox.web.shared_listener import SharedListener
from tests.web.live import read_answer
from tests.web.stub import Handlers, StubRuntime

GET = b"GET /public HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def bound() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


@pytest.fixture
def crowd() -> Crowd:
    with tempfile.TemporaryFile() as file:
        return Crowd.new(file.fileno(), 3)


@asynccontextmanager
async def serving(bound: socket.socket, crowd: Crowd, place: int) -> AsyncIterator[Server]:
    server = Server(StubRuntime(), Handlers().routes(), shared=Shared([bound.dup()], crowd, place))
    address = await server.start()
    assert address.port == bound.getsockname()[1]
    try:
        yield server
    finally:
        await server.stop()


class Client:
    """A kept connection."""

    def __init__(self, bound: socket.socket) -> None:
        self._port = bound.getsockname()[1]

    async def get(self) -> dict[str, str]:
        """The headers of an answer."""
        async with asyncio.timeout(10):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
            return await self.again()

    async def again(self) -> dict[str, str]:
        async with asyncio.timeout(10):
            self.writer.write(GET)
            answer = await read_answer(self.reader)
        assert answer.status == 200
        return answer.headers

    def close(self) -> None:
        self.writer.close()


async def test_connections_that_come_together_are_shared(
    bound: socket.socket, crowd: Crowd
) -> None:
    async with serving(bound, crowd, 1) as first, serving(bound, crowd, 2) as second:
        clients = [Client(bound) for _ in range(60)]
        await asyncio.gather(*(client.get() for client in clients))
        held = first.connections, second.connections
        for client in clients:
            client.close()
    bound.close()

    assert sum(held) == 60
    assert abs(held[0] - held[1]) <= 2 * SLACK


async def test_one_that_is_ahead_takes_what_nobody_else_takes(
    bound: socket.socket, crowd: Crowd
) -> None:
    crowd.note(2, 0)  # one that holds nothing, and is too busy to accept
    async with serving(bound, crowd, 1) as server:
        clients = [Client(bound) for _ in range(60)]
        await asyncio.gather(*(client.get() for client in clients))
        assert server.connections == 60
        for client in clients:
            client.close()
    bound.close()


class Ahead(NamedTuple):
    """Where one stands, whatever it holds."""

    ahead: bool

    def is_ahead(self) -> bool:
        return self.ahead


async def test_one_that_is_ahead_leaves_the_next_to_others(bound: socket.socket) -> None:
    taken: dict[bool, list[asyncio.Protocol]] = {True: [], False: []}

    def noting(ahead: bool) -> asyncio.Protocol:
        taken[ahead].append(asyncio.Protocol())
        return taken[ahead][-1]

    listeners = [
        SharedListener(bound.dup(), partial(noting, ahead), Ahead(ahead), courtesy=3600)
        for ahead in (True, False)
    ]
    for listener in listeners:
        listener.start()
    clients = [socket.create_connection(bound.getsockname()) for _ in range(20)]
    async with asyncio.timeout(10):
        while sum(map(len, taken.values())) < len(clients):
            await asyncio.sleep(0)
    for each in [*listeners, *clients, bound]:
        each.close()

    assert (len(taken[True]), len(taken[False])) == (0, 20)


def test_who_is_ahead(crowd: Crowd) -> None:
    crowd.note(1, SLACK)
    crowd.note(2, 0)
    assert not crowd.is_ahead(1)
    crowd.note(1, SLACK + 1)
    assert crowd.is_ahead(1)
    assert not crowd.is_ahead(2)
    crowd.leave(2)  # a place where nobody serves counts for nothing
    assert not crowd.is_ahead(1)
    crowd.note(2, 1000)
    crowd.note(1, 1000 + 1000 // 8)
    assert not crowd.is_ahead(1)


async def test_one_that_retires_serves_on_and_leaves_new_connections_to_others(
    bound: socket.socket, crowd: Crowd
) -> None:  # OP-04
    async with serving(bound, crowd, 1) as old:
        client = Client(bound)
        assert "connection" not in await client.get()
        async with serving(bound, crowd, 1) as new:
            await old.retire()
            others = [Client(bound) for _ in range(8)]
            headers = [await other.get() for other in others]
            assert all("connection" not in each for each in headers)
            assert (old.connections, new.connections) == (1, 8)
            assert (await client.again())["connection"] == "close"
            assert await client.reader.read() == b""
            for other in [client, *others]:
                other.close()
    bound.close()


async def test_without_a_free_descriptor_it_waits_and_goes_on(
    bound: socket.socket, crowd: Crowd
) -> None:
    async with serving(bound, crowd, 1):
        connection = socket.socket()
        connection.setblocking(False)
        free = os.dup(bound.fileno())
        os.close(free)  # the lowest that is free
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, bound.getsockname())
            await loop.sock_sendall(connection, GET)
            with capture_logs() as lines:
                async with asyncio.timeout(10):
                    while not lines:
                        await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        async with asyncio.timeout(10):
            answer = await loop.sock_recv(connection, 64)
        connection.close()
    bound.close()

    assert [line["event"] for line in lines] == ["cant_accept"]
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_who_waits_for_the_last_of_them_at_a_stop_is_answered(
    bound: socket.socket, crowd: Crowd
) -> None:
    # OP-04: the system has accepted it, no process has; its request must not be reset.
    async with serving(bound, crowd, 1) as server:
        address = bound.getsockname()
        bound.close()
        with socket.create_connection(address) as waiting:
            waiting.sendall(GET)
            async with asyncio.timeout(10):
                await server.stop()
            waiting.settimeout(10)
            answer = await asyncio.to_thread(waiting.recv, 65536)

    assert answer.startswith(b"HTTP/1.1 200 ")
