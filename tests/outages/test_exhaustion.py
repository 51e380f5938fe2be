"""All connections are in use, or somebody holds what everybody needs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from agentbox.errors import StorageError
from tests.e2e.people import People, Template, seeds_on
from tests.e2e.web.test_statements_per_route import call_all
from tests.live import USER_PASSWORD, Live, ShiftedClock
from tests.outages.load import loaded
from tests.outages.proxy import network
from tests.outages.servers import backends, on_postgres, until
from tests.postgres import Postgres
from tests.scale import scaled

POOL = 10
"""Connections of a server unless it is told otherwise; one more listens."""

RIGHTS = "SELECT pg_advisory_xact_lock(hashtextextended('agentbox:rights', 0))"
WAITING = "wait_event_type = 'Lock'"


@asynccontextmanager
async def held(live: Live, number: int) -> AsyncIterator[None]:
    """So many of the server's connections are in use until the end of the block."""
    async with AsyncExitStack() as stack:
        for _ in range(number):
            tx = await stack.enter_async_context(live.runtime.storage.transaction(read_only=True))
            await tx.users.get("nobody")
        yield


async def test_an_exhausted_pool_refuses_and_recovers(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-09: 503 + Retry-After within 2 s, liveness stays up
    async with loaded(live) as load:
        async with held(live, POOL):
            for _ in range(scaled(2)):
                await load.until_refused("read", "write", "revoked")
            assert len(backends(postgres, dsn)) == POOL + 1
            assert (await live.anonymous.get("/healthz")).status == 200
            with pytest.raises(StorageError, match="became free"):
                await live.runtime.storage.ping()
        await load.until_all_is_well(within=10)
    assert len(backends(postgres, dsn)) <= POOL + 1
    load.assert_kept(dsn)


async def test_no_request_needs_two_connections(dsn: str) -> None:
    # ST-09: every route works with a single one
    clock = ShiftedClock()
    async with on_postgres(dsn, clock=clock, AGENTBOX_PLUGINS__POSTGRES__POOL_SIZE="2") as live:
        people = People(live, Template(Path(), await seeds_on(live)))
        async with held(live, 1):
            await call_all(live, people, clock)
            signed_in = await live.anonymous.post(
                "/auth/login", {"username": people.user.username, "password": USER_PASSWORD}
            )
            refreshed = await live.anonymous.post(
                "/auth/refresh", {"refresh_token": signed_in.body["refresh_token"]}
            )
            caller = live.with_token(refreshed.body["token"])
            answers = [
                await caller.get("/auth/me"),
                await caller.get("/auth/sessions"),
                await live.anonymous.get("/readyz"),
                await caller.post("/auth/logout"),
            ]
    assert [answer.status for answer in answers] == [200, 200, 200, 204]


async def test_fifty_writers_at_once_are_all_served(live: Live) -> None:
    # ST-03 on Postgres
    admin = await live.admin()
    answers = await asyncio.gather(
        *(admin.post("/users", {"username": f"writer-{number}"}) for number in range(50))
    )
    assert Counter(answer.status for answer in answers) == {201: 50}


async def test_whoever_gives_up_waits_no_longer_in_postgres(postgres: Postgres, dsn: str) -> None:
    # ST-04 on Postgres: nor does its backend, or there would soon be no more of them
    async with network(dsn) as between, on_postgres(between.dsn) as live:
        admin = await live.admin()
        between.delay = 0.1
        with psycopg.connect(dsn) as other:
            other.execute(RIGHTS)
            answers = await asyncio.gather(
                *(admin.post("/users", {"username": f"late-{number}"}) for number in range(5))
            )
            assert Counter(answer.status for answer in answers) == {503: 5}
            await until(lambda: not backends(postgres, dsn, WAITING))


async def test_a_lock_that_others_hold_costs_no_more_than_two_seconds(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-03 on Postgres: more writers than connections, for one lock that somebody else holds
    async with loaded(live) as load:
        with psycopg.connect(dsn) as other:
            await asyncio.to_thread(other.execute, RIGHTS)
            admin = await live.admin()
            answers = await asyncio.gather(
                *(admin.post("/users", {"username": f"late-{number}"}) for number in range(25))
            )
            assert Counter(answer.status for answer in answers) == {503: 25}
            await load.until_refused("write")
        await load.until_all_is_well(within=10)
        await until(lambda: not backends(postgres, dsn, "state LIKE 'idle in transaction%'"))
    load.assert_kept(dsn)
