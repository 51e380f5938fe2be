"""A real server on a real socket, and a client that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agentbox.core.logs import LogHandle
from agentbox.plugin.routes import Route
from agentbox.web.address import Address
from agentbox.web.server import Server
from tests.web.stub import Handlers, StubRuntime

PATIENCE = 20.0


@dataclass
class RawAnswer:
    """One answer, taken apart by hand so that no client library mends it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Live:
    """A running server and how to talk to it."""

    server: Server
    address: Address
    runtime: StubRuntime
    handlers: Handlers = field(default_factory=Handlers)

    async def send(self, data: bytes, *, answers: int = 1, close: bool = False) -> list[RawAnswer]:
        """Send `data`; read `answers` answers, or with `close` all until the server closes."""
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(data)
                await writer.drain()
                if close:
                    return split(await reader.read())
                return [await read_answer(reader) for _ in range(answers)]
        finally:
            writer.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        host: str | None = "127.0.0.1",
    ) -> RawAnswer:
        """One request on a connection of its own; a body is sent as JSON unless told."""
        lines = [f"{method} {path} HTTP/1.1"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        names = {name.lower() for name, _ in headers}
        if body is not None and "content-type" not in names:
            lines.append("Content-Type: application/json")
        if body is not None and "transfer-encoding" not in names:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape")
        return (await self.send(head + (body or b""), close=True))[-1]


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer:
    """The next answer of a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, headers = _head(head)
    length = int(headers.get("content-length", "0"))
    return RawAnswer(status, headers, await reader.readexactly(length))


def split(data: bytes) -> list[RawAnswer]:
    """All the answers in what a connection said before it closed; 1xx are left out."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, headers = _head(head)
        length = int(headers.get("content-length", "0")) if status != 204 else 0
        length = min(length, len(data))
        if status >= 200:
            answers.append(RawAnswer(status, headers, data[:length]))
        data = data[length:]
    return answers


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}


@asynccontextmanager
async def serving(
    *,
    routes: Sequence[Route] = (),
    access_log: LogHandle | None = None,
    body_deadline: float = 30.0,
    grace: float = 30.0,
    **settings: Any,
) -> AsyncIterator[Live]:
    """The tests' routes (and `routes`) served with these `[server]` settings."""
    runtime, handlers = StubRuntime(**settings), Handlers()
    server = Server(
        runtime,
        [*handlers.routes(), *routes],
        access_log=access_log,
        body_deadline=body_deadline,
        grace=grace,
    )
    address = await server.start()
    try:
        yield Live(server, address, runtime, handlers)
    finally:
        await server.stop()
