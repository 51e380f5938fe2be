"""Clients that leave in the middle of a write leave nothing behind in Postgres."""

from __future__ import annotations

import asyncio
import time

import psycopg

from tests.e2e.storage.test_disconnects import ask, leave
from tests.live import Live
from tests.outages.servers import backends, until
from tests.outages.test_exhaustion import POOL
from tests.postgres import Postgres
from tests.scale import scaled

AT_ONCE = 50
OPEN = "xact_start IS NOT NULL"


async def test_clients_that_leave_at_any_moment_of_their_writes(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-04 on Postgres: 1000 of them in `make soak`
    admin = await live.admin()

    async def come_and_go(number: int) -> None:
        connection = await ask(live, admin, f"hasty-{number}")
        await asyncio.sleep((number % 20) / 1000)  # from before it is read to after the answer
        await leave(connection, rudely=number % 2 == 0)

    sizes = []
    for first in range(0, scaled(100), AT_ONCE):
        await asyncio.gather(*(come_and_go(first + number) for number in range(AT_ONCE)))
        took = [await timed_write(live, admin.headers, f"next-{first}-{n}") for n in range(3)]
        assert min(took) < 0.1
        await until(lambda: not backends(postgres, dsn, OPEN))
        sizes.append(len(backends(postgres, dsn)))
    assert max(sizes) <= POOL + 1
    assert_each_is_whole(dsn)


async def timed_write(live: Live, headers: dict[str, str], name: str) -> float:
    """The seconds that a write takes."""
    begun = time.monotonic()
    answer = await live.calling_with(headers).post("/users", {"username": name})
    assert answer.status == 201, answer.text
    return time.monotonic() - begun


def assert_each_is_whole(dsn: str) -> None:
    """As many users as rows of the audit say so."""
    with psycopg.connect(dsn) as connection:
        users = connection.execute("SELECT id FROM users").fetchall()
        rows = connection.execute("SELECT target FROM audit WHERE event = 'user.create'").fetchall()
    assert sorted(target for (target,) in rows) == sorted(f"user:{id_}" for (id_,) in users)
