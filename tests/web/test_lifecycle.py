"""Starting, draining, stopping."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from agentbox.model.access.route import PUBLIC
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.address import Address
from agentbox.web.server import Server
from tests.web.live import read_answer, serving
from tests.web.stub import Handlers, StubRuntime, row

GET = b"GET /public HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Gate:
    """A handler that waits until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def handle(self, request: RouteRequest[Any, Any]) -> RouteResponse:
        self.entered.set()
        await self.open.wait()
        return RouteResponse(body=b"done")


async def can_connect(address: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def test_the_address_is_told_once_it_is_bound() -> None:
    bound: list[Address] = []
    server = Server(StubRuntime(), Handlers().routes(), on_bound=bound.append)
    address = await server.start()
    await server.stop()

    assert bound == [address]
    assert address.port > 0
    assert address.url == f"http://127.0.0.1:{address.port}"


async def test_a_taken_address_is_an_oserror() -> None:
    async with serving() as live:
        second = Server(StubRuntime(), [], port=live.address.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()


async def test_a_kept_connection_serves_many_requests() -> None:
    async with serving() as live:
        answers = await live.send(GET * 40, answers=40)

    assert {answer.status for answer in answers} == {200}
    assert "connection" not in answers[0].headers


async def test_draining_serves_on_and_asks_clients_to_close() -> None:  # OP-04
    async with serving() as live:
        reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
        writer.write(GET)
        before = await read_answer(reader)

        live.server.begin_drain()
        writer.write(GET)
        during = await read_answer(reader)
        rest = await reader.read()
        fresh = await live.ask("GET", "/public")
        writer.close()

    assert live.runtime.draining
    assert "connection" not in before.headers
    assert (during.status, during.headers["connection"], rest) == (200, "close", b"")
    assert fresh.status == 200


async def test_a_stop_lets_requests_in_flight_finish_and_takes_no_more() -> None:  # OP-04
    gate = Gate()
    async with serving(routes=[row("GET", "/slow", gate.handle, PUBLIC)]) as live:
        reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
        writer.write(SLOW)
        await gate.entered.wait()

        stopping = asyncio.create_task(live.server.stop())
        async with asyncio.timeout(10):
            while await can_connect(live.address):
                await asyncio.sleep(0.01)
        assert not stopping.done()
        gate.open.set()
        answer = await read_answer(reader)
        await stopping
        writer.close()

    assert (answer.status, answer.body) == (200, b"done")


async def test_a_stop_does_not_wait_for_ever() -> None:  # OP-04
    gate = Gate()
    route = row("GET", "/slow", gate.handle, PUBLIC)
    async with serving(routes=[route], grace=0.05) as live:
        reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
        writer.write(SLOW)
        await gate.entered.wait()
        async with asyncio.timeout(10):
            await live.server.stop()
            assert await reader.read() == b""
        writer.close()


async def test_a_stop_closes_idle_connections_at_once() -> None:
    async with serving() as live:
        reader, writer = await asyncio.open_connection(live.address.host, live.address.port)
        writer.write(GET)
        await read_answer(reader)
        async with asyncio.timeout(10):
            await live.server.stop()
            assert await reader.read() == b""
        writer.close()


async def test_who_connected_before_the_stop_is_answered() -> None:
    # OP-04: the system has accepted it, the server has not; its request must not be reset.
    async with serving() as live:
        with socket.create_connection(live.address) as waiting:
            waiting.sendall(GET)
            async with asyncio.timeout(10):
                await live.server.stop()
            answer = await asyncio.to_thread(_received, waiting)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer


async def test_who_has_connected_may_still_ask_while_the_server_stops() -> None:  # OP-04
    async with serving() as live:
        with socket.create_connection(live.address) as quiet:
            stopping = asyncio.create_task(live.server.stop())
            async with asyncio.timeout(10):
                while await can_connect(live.address):
                    await asyncio.sleep(0.01)
            quiet.sendall(GET)
            await stopping
            answer = await asyncio.to_thread(_received, quiet)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_connection_that_asks_nothing_holds_up_no_stop() -> None:
    async with serving() as live:
        with socket.create_connection(live.address) as quiet:
            async with asyncio.timeout(10):
                await live.server.stop()
            assert await asyncio.to_thread(_received, quiet) == b""


def _received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    connection.settimeout(10)
    return b"".join(iter(lambda: connection.recv(65536), b""))
