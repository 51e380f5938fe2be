"""Steady requests through a proxy, the outcome of every one of them kept."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.deployment.proxies import Proxy
from tests.deployment.shipped import HOST

CALLERS = 10
RATE = 80.0
"""Requests per second through one proxy, all callers together."""

PATIENCE = 20.0

API = "/api/v1"
WRITES_EVERY = 40
ASKS_EVERY = 3


class Outcome(NamedTuple):
    """What became of one request; `status` is None if no answer came."""

    id: str
    method: str
    began: float
    ended: float
    status: int | None
    failure: str = ""

    @property
    def failed(self) -> bool:
        """Whether the one who asked did not get what was asked for."""
        return self.status not in {200, 201}


@dataclass
class Load:
    """Requests through one proxy, so far."""

    proxy: Proxy
    token: str
    key: str
    outcomes: list[Outcome] = field(default_factory=list)
    _mark: str = field(default_factory=lambda: secrets.token_hex(4))
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _stopping: bool = False

    @property
    def failures(self) -> Sequence[Outcome]:
        """Those that did not get what they asked for."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    @property
    def written(self) -> Sequence[str]:
        """Names of the keys that were made, as the answers say."""
        return [outcome.id for outcome in self.outcomes if outcome.status == 201]

    def told(self) -> str:
        """One line for those who read the output."""
        counts = Counter(str(outcome.status or outcome.failure) for outcome in self.outcomes)
        slowest = max(outcome.ended - outcome.began for outcome in self.outcomes)
        seconds = self.outcomes[-1].ended - self.outcomes[0].began
        return (
            f"{self.proxy.name}: {len(self.outcomes)} requests, "
            f"{len(self.outcomes) / seconds:.0f} a second, {dict(counts)}, "
            f"slowest {slowest * 1000:.0f} ms"
        )

    def stop(self) -> None:
        """Begin no more requests."""
        self._stopping = True

    async def call(self, first: float) -> None:
        """One caller on a connection that it keeps as long as it may."""
        due, connection = first, None
        while not self._stopping:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + CALLERS / RATE, time.monotonic())
            connection = await self._ask(connection)
        if connection is not None:
            connection.close()

    async def _ask(self, connection: Connection | None) -> Connection | None:
        number = next(self._numbers)
        method, name, request = self._request(number)
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await Connection.made(self.proxy)
                status, kept = await connection.ask(request)
        except (OSError, EOFError, TimeoutError) as error:
            failure = type(error).__name__
            self.outcomes.append(Outcome(name, method, began, time.monotonic(), None, failure))
            kept = False
        else:
            self.outcomes.append(Outcome(name, method, began, time.monotonic(), status))
        if not kept and connection is not None:
            connection.close()
        return connection if kept else None

    def _request(self, number: int) -> tuple[str, str, bytes]:
        name = f"{self.proxy.name}-{self._mark}-{number}"
        body = b""
        if number % WRITES_EVERY == 0:
            method, path = "POST", f"{API}/api-keys"
            body = json.dumps({"name": name, "scopes": ["self:read"]}).encode()
        elif number % ASKS_EVERY == 0:
            method, path, body = "POST", f"{API}/authorize", b'{"scope": "users:read"}'
        else:
            method, path = "GET", f"{API}/auth/me"
        credential = (
            f"X-API-Key: {self.key}" if method == "GET" else f"Authorization: Bearer {self.token}"
        )
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"X-Request-Id: {name}", credential]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return method, name, "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection to a proxy; nothing is sent again and nothing mended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def made(cls, proxy: Proxy) -> Connection:
        """Connected, by TLS."""
        return cls(
            *await asyncio.open_connection(
                "127.0.0.1", proxy.port, ssl=proxy.tls, server_hostname=HOST
            )
        )

    async def ask(self, request: bytes) -> tuple[int, bool]:
        """The status of the answer, and whether the connection stays."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(None, 2)[1])
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        if "content-length" in fields:
            await self._reader.readexactly(int(fields["content-length"]))
            return status, fields.get("connection") != "close"
        await self._reader.read()  # haproxy's own errors go on until the connection ends
        return status, False

    def close(self) -> None:
        """Without waiting for the other side."""
        self._writer.transport.abort()


@asynccontextmanager
async def steady_load(proxy: Proxy, *, token: str, key: str) -> AsyncIterator[Load]:
    """Requests through `proxy` until the block ends, and all of them answered then."""
    load = Load(proxy, token, key)
    begin = time.monotonic()
    async with asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(load.call(begin + number / RATE))
        try:
            yield load
        finally:
            load.stop()
