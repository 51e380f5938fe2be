"""Clients that leave in the middle of a write leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agentbox_sqlite.storage import SqliteStorage
from tests.e2e.people import People
from tests.live import Caller, Live
from tests.scale import scaled
from tests.storage.database import at_rest, nobody_holds, waiting

CLIENTS = 50


def storage_of(live: Live) -> SqliteStorage:
    assert isinstance(live.runtime.storage, SqliteStorage)
    return live.runtime.storage


async def ask(live: Live, caller: Caller, username: str) -> asyncio.StreamWriter:
    """Send the whole of a write and read nothing; the connection."""
    host, _, port = live.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"username": username}).encode()
    writer.write(
        b"POST /api/v1/users HTTP/1.1\r\nContent-Type: application/json\r\n"
        + f"Host: {host}\r\nAuthorization: {caller.headers['Authorization']}\r\n".encode()
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return writer


async def leave(writer: asyncio.StreamWriter, *, rudely: bool) -> None:
    """Close the connection; rudely is by RST, as a process that was killed does."""
    if rudely:
        now = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def assert_nothing_is_left(live: Live, caller: Caller, name: str, database: Path) -> None:
    """The next write is answered at the first attempt, and nothing is held by anybody."""
    answer = await caller.post("/users", {"username": name})
    assert answer.status == 201, answer.text
    await until(lambda: at_rest(storage_of(live)))
    assert nobody_holds(database)
    with closing(sqlite3.connect(database)) as connection:
        users, rows = connection.execute(
            "SELECT (SELECT count(*) FROM users),"
            " (SELECT count(*) FROM audit WHERE event = 'user.create')"
        ).fetchone()
    assert users == rows


async def test_clients_that_leave_while_their_writes_wait(
    live: Live, people: People, tmp_path: Path
) -> None:
    # ST-04
    caller = people.first.caller
    storage = storage_of(live)
    for number in range(scaled(1)):
        async with storage.transaction():
            asking = [
                await ask(live, caller, f"waits-{number}-{client}") for client in range(CLIENTS)
            ]
            await until(lambda: waiting(storage) == CLIENTS)
            for client, connection in enumerate(asking):
                await leave(connection, rudely=client % 2 == 0)
            # By the time the server has answered this, it has seen all of them go.
            assert (await live.anonymous.get("/healthz")).status == 200
        await assert_nothing_is_left(live, caller, f"next-{number}", tmp_path / "agentbox.db")


async def test_clients_that_leave_at_any_moment_of_their_writes(
    live: Live, people: People, tmp_path: Path
) -> None:
    # ST-04
    caller = people.first.caller

    async def come_and_go(number: int) -> None:
        connection = await ask(live, caller, f"hasty-{number}")
        await asyncio.sleep((number % 10) / 1000)  # from before it is read to after the answer
        await leave(connection, rudely=number % 2 == 0)

    for first in range(0, scaled(CLIENTS), CLIENTS):
        await asyncio.gather(*(come_and_go(first + client) for client in range(CLIENTS)))
        await assert_nothing_is_left(live, caller, f"after-{first}", tmp_path / "agentbox.db")
