"""Requests as bytes, for what no client library would send, and calls to other processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from tests.live import Live


class Said(NamedTuple):
    """What came back, read to the end of the connection."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def error(self) -> str | None:
        """The stable code of a problem."""
        body: Any = json.loads(self.text) if self.text.startswith("{") else None
        return body.get("error") if isinstance(body, dict) else None


async def send(live: Live, *lines: bytes | str, body: bytes = b"") -> Said:
    """Send request line and header lines as they are, and `Connection: close`."""
    head = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    host, _, port = live.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
    first, _, rest = answer.partition(b"\r\n")
    fields, _, text = rest.partition(b"\r\n\r\n")
    names = (line.partition(": ") for line in fields.decode("latin-1").split("\r\n") if line)
    return Said(int(first.split()[1]), {name: value for name, _, value in names}, text.decode())


@asynccontextmanager
async def calls_to(url: str) -> AsyncIterator[Live]:
    """Calls to a server that runs elsewhere; there is no runtime to look into."""
    async with aiohttp.ClientSession(url) as session:
        yield Live(url, session, None)  # type: ignore[arg-type]
