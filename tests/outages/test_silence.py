"""Postgres does not answer, and says nothing: it stands still, or the network drops everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.live import Live
from tests.outages.load import loaded
from tests.outages.proxy import Network, network
from tests.outages.servers import backends, on_postgres, paused, until
from tests.postgres import Postgres


@pytest.fixture
async def between(dsn: str) -> AsyncIterator[Network]:
    """A network to this test's database."""
    async with network(dsn) as between:
        yield between


@pytest.fixture
async def far(between: Network) -> AsyncIterator[Live]:
    """A server that reaches its database through that."""
    async with on_postgres(between.dsn) as live:
        yield live


@asynccontextmanager
async def idle_ones_paused(server: Postgres, dsn: str) -> AsyncIterator[list[int]]:
    """Every backend that there is, in a moment when none is at work: it would keep its locks."""
    while True:
        old = backends(server, dsn)
        with paused(*old):
            if not set(old) & set(backends(server, dsn, "state <> 'idle'")):
                yield old
                return
        await asyncio.sleep(0.01)  # for whoever is in the middle of something


async def test_backends_that_stand_still_are_replaced(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-08: SIGSTOP of the backends that there are; new ones are made
    async with loaded(live) as load:
        async with idle_ones_paused(postgres, dsn) as old:
            await load.until_all_is_well(within=10)
            # Nothing new is sent to them, and their places are taken by others.
            assert set(backends(postgres, dsn)) - set(old)
    load.assert_kept(dsn)


async def test_a_server_that_stands_still_as_a_whole(
    live: Live, postgres: Postgres, dsn: str
) -> None:
    # ST-08, FA-07 for the chain: each is answered within 2 s, OP-05: liveness goes on
    async with loaded(live) as load:
        with paused(*postgres.pids):
            await load.until_refused("read", "write", "revoked")
            ready = await live.anonymous.get("/readyz")
            assert (ready.status, ready.error) == (503, "unavailable")
            assert (await live.anonymous.get("/healthz")).status == 200
        await load.until_all_is_well(within=10)
        assert (await live.anonymous.get("/readyz")).status == 200
    load.assert_kept(dsn)


async def test_a_network_that_drops_everything(far: Live, between: Network, dsn: str) -> None:
    # ST-08: dropped packets, then connections that are reset
    async with loaded(far) as load:
        between.silent()
        await load.until_refused("read", "write", "revoked")
        assert (await far.anonymous.get("/readyz")).status == 503
        between.reset()
        await load.until_all_is_well(within=10)
    load.assert_kept(dsn)


@pytest.mark.parametrize("before", [False, True], ids=["answer lost", "commit lost"])
async def test_a_commit_nobody_heard_of_is_never_said_to_be_done(
    far: Live, between: Network, dsn: str, before: bool
) -> None:
    # ST-08: no write is reported done that was not; ST-02: nor is it there by halves
    async with loaded(far) as load:
        between.before, between.losing_commits = before, True
        await until(lambda: between.lost >= 5)
        between.losing_commits = False
        await load.until_all_is_well(within=10)
    load.assert_kept(dsn)
    assert any(call.kind == "write" and call.status == 503 for call in load.calls)


async def test_a_change_whose_commit_nobody_heard_of_is_believed_for_no_longer(
    far: Live, between: Network
) -> None:
    # FA-07 for the chain: what may have been revoked is looked up again
    text, record = await far.make_key(await far.admin())
    admin, key = await far.admin(), far.with_key(text)
    assert (await key.get("/auth/me")).status == 200
    between.losing_commits = True
    assert (await admin.delete(f"/api-keys/{record['id']}")).status == 503
    between.losing_commits = False

    assert (await key.get("/auth/me")).status == 401
