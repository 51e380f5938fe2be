"""Clients that leave in the middle of a write leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from agentbox_sqlite.storage import SqliteStorage
from tests.backend import ON_POSTGRES, database_in
from tests.e2e.people import People
from tests.live import Caller, Live
from tests.scale import scaled
from tests.storage.database import at_rest, nobody_holds, waiting

CLIENTS = 50
POOL = 10
"""`[plugins.postgres] pool_size`, one of which holds what the others wait for."""


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


async def assert_nothing_is_left(live: Live, caller: Caller, name: str, folder: Path) -> None:
    """The next write is answered at the first attempt, and nothing is held by anybody."""
    answer = await caller.post("/users", {"username": name})
    assert answer.status == 201, answer.text
    if ON_POSTGRES:
        await until(lambda: at_rest_on_postgres(folder))
    else:
        await until(lambda: at_rest(storage_of(live)))
        assert nobody_holds(folder / "agentbox.db")
    ((users, rows),) = database_in(folder).run(
        "SELECT (SELECT count(*) FROM users),"
        " (SELECT count(*) FROM audit WHERE event = 'user.create')"
    )
    assert users == rows


def all_wait(live: Live, folder: Path) -> bool:
    """True once as many writes wait as there is room for; the others wait for a connection."""
    if not ON_POSTGRES:
        return waiting(storage_of(live)) == CLIENTS
    ((number,),) = database_in(folder).run("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return int(number) == POOL - 1


def at_rest_on_postgres(folder: Path) -> bool:
    """True if nobody is in a transaction or holds a lock, the one who asks excepted."""
    return (
        database_in(folder).run(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            " UNION SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        == []
    )


async def test_clients_that_leave_while_their_writes_wait(
    live: Live, people: People, tmp_path: Path
) -> None:
    # ST-04
    caller = people.first.caller
    storage = live.runtime.storage
    for number in range(scaled(1)):
        async with storage.transaction() as tx:
            await tx.lock("rights")
            asking = [
                await ask(live, caller, f"waits-{number}-{client}") for client in range(CLIENTS)
            ]
            await until(lambda: all_wait(live, tmp_path))
            for client, connection in enumerate(asking):
                await leave(connection, rudely=client % 2 == 0)
            # By the time the server has answered this, it has seen all of them go.
            assert (await live.anonymous.get("/healthz")).status == 200
        await assert_nothing_is_left(live, caller, f"next-{number}", tmp_path)


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
        await assert_nothing_is_left(live, caller, f"after-{first}", tmp_path)
