"""Callers on kept connections, who try nothing again: what is lost is seen."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from tests.e2e.test_process import API
from tests.process import STRONG_PASSWORD
from tests.web.live import RawAnswer, read_answer

PATIENCE = 20.0
ME = f"{API}/auth/me"


class HalfSent:
    """A login that a worker has begun to read, and that goes on when the test says."""

    def __init__(self, url: str) -> None:
        address = url.removeprefix("http://")
        host, _, port = address.rpartition(":")
        body = json.dumps({"username": "admin", "password": STRONG_PASSWORD}).encode()
        self._connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self._connection.sendall(
            f"POST {API}/auth/login HTTP/1.1\r\nHost: {address}\r\n"
            "Content-Type: application/json\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        # It is told to go on once its body is waited for, so it is in flight by then.
        assert self._connection.recv(64).startswith(b"HTTP/1.1 100 ")
        self._rest = body

    def finish(self) -> int:
        """Send the rest; the status."""
        with self._connection:
            self._connection.sendall(self._rest)
            return int(self._connection.recv(64).split()[1])


class Connection:
    """One kept connection at a time; a new one when the server has asked to close it."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._address = url.removeprefix("http://")
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, unless it is connected."""
        if self._open is None:
            host, _, port = self._address.rpartition(":")
            self._open = await asyncio.open_connection(host, int(port))
        return self._open

    async def get(self, path: str) -> RawAnswer:
        """Raises OSError or EOFError if there is no answer."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self.open()
            head = f"GET {path} HTTP/1.1\r\nHost: {self._address}\r\n{self._headers}\r\n"
            try:
                writer.write(head.encode())
                answer = await read_answer(reader)
            except (OSError, EOFError):
                self.close()
                raise
            if answer.headers.get("connection") == "close":
                self.close()
            return answer

    def close(self) -> None:
        """Without waiting."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


class Load:
    """What callers got: statuses by number, and requests without an answer."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.lost: list[BaseException] = []
        self._progress = asyncio.Condition()

    async def get(self, connection: Connection, path: str = ME) -> None:
        """One request, counted."""
        try:
            self.statuses[(await connection.get(path)).status] += 1
        except (OSError, EOFError, TimeoutError) as lost:
            self.lost.append(lost)
        async with self._progress:
            self._progress.notify_all()

    async def more(self, answers: int) -> None:
        """Wait for that many further answers."""
        wanted = self.statuses.total() + answers
        await self.until(lambda: self.statuses.total() >= wanted)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is looked at after each request."""
        async with asyncio.timeout(60), self._progress:
            await self._progress.wait_for(condition)


@asynccontextmanager
async def steady(
    url: str, headers: Mapping[str, str], callers: int, *, leaving: int | None = None
) -> AsyncIterator[Load]:
    """Load from callers who go on until the end, each finishing its last request.

    With `leaving` each connects anew after so many requests.
    """
    load, ending = Load(), asyncio.Event()

    async def call() -> None:
        connection = Connection(url, headers)
        for number in itertools.count(1):
            await load.get(connection)
            if ending.is_set() or (leaving and number % leaving == 0):
                connection.close()
            if ending.is_set():
                return

    calling = [asyncio.create_task(call()) for _ in range(callers)]
    try:
        await load.more(callers * 2)
        yield load
    finally:
        ending.set()
        await asyncio.gather(*calling)
