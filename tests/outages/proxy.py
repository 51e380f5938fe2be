"""A network between agentbox and Postgres, on 127.0.0.1, that can fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Network:
    """Passes bytes on; `dsn` leads through it.

    `silent()` drops all that comes from then on, and takes connections nobody answers;
    `reset()` ends all connections by force. A new connection takes `delay` seconds. With
    `losing_commits` the answer to the next commits never arrives: if `before`, the commits don't
    either.
    """

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._database = parts.path.strip("/")
        self._socket = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0
        self.delay = 0.0
        self.losing_commits = False
        self.before = False
        self.lost = 0

    @property
    def dsn(self) -> str:
        """The database, through this network."""
        return f"postgresql://agentbox@127.0.0.1:{self._port}/{self._database}?sslmode=disable"

    def silent(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._passing.clear()

    def reset(self) -> None:
        """Every connection ends; new ones work."""
        self._passing.set()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await self._passing.wait()
            await asyncio.sleep(self.delay)
            there, here = await asyncio.open_unix_connection(str(self._socket))
            self._writers |= {writer, here}
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, here, [writer, here]))
                    group.create_task(self._pass_on(there, writer, []))
            finally:
                self._writers -= {writer, here}
                for each in (writer, here):
                    each.transport.abort()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: list[asyncio.StreamWriter],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                commit = bool(ends) and self.losing_commits and b"COMMIT\0" in data
                if commit and self.before:
                    break
                writer.write(data)
                await writer.drain()
                if commit:
                    # Half a connection: what is answered goes nowhere.
                    self.lost += 1
                    ends[0].transport.abort()
                    return
        self.lost += bool(ends) and self.losing_commits and self.before
        for each in (writer, *ends):
            each.transport.abort()


@asynccontextmanager
async def network(dsn: str) -> AsyncIterator[Network]:
    """A network to the Postgres of `dsn`, which is one on a socket."""
    between = Network(dsn)
    server = await asyncio.start_server(between._connected, "127.0.0.1", 0)
    between._port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        between.reset()
