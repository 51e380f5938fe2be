"""Postgres stops and comes back: requests are refused meanwhile, and then all is as before."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest

from agentbox.errors import StorageError
from tests.live import Live
from tests.outages.load import loaded
from tests.postgres import Postgres


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["fast", "kill -9"])
async def test_a_restart_under_load(
    durable_live: Live, durable: Postgres, durable_dsn: str, number: signal.Signals
) -> None:
    # ST-01 on Postgres, ST-08, FA-07 for the chain, OP-05
    async with loaded(durable_live) as load:
        await asyncio.to_thread(durable.stop, number)
        await load.until_refused("read", "write", "revoked")
        ready = await durable_live.anonymous.get("/readyz")
        assert (ready.status, ready.error) == (503, "unavailable")
        await asyncio.to_thread(durable.start)
        await load.until_all_is_well(within=10)
        assert (await durable_live.anonymous.get("/readyz")).status == 200
    load.assert_kept(durable_dsn)


async def test_a_server_that_is_still_starting_up(
    durable_live: Live, durable: Postgres, durable_dsn: str
) -> None:
    # ST-08: 57P03
    async with loaded(durable_live) as load:
        await asyncio.to_thread(durable.stop)
        waiting = durable.data / "standby.signal"
        waiting.touch()
        try:
            # With nobody to follow and no readers let in, it stays as it is until it is promoted.
            await asyncio.to_thread(durable.start, "-c hot_standby=off", wait=False)
            await told(durable_live, "57P03")
            await load.until_refused("read", "write", "revoked")
            await promoted(durable)
        finally:
            waiting.unlink(missing_ok=True)
        await load.until_all_is_well(within=10)
    load.assert_kept(durable_dsn)


async def told(live: Live, state: str) -> None:
    """Wait until Postgres answers that."""
    async with asyncio.timeout(10):
        while True:
            try:
                await live.runtime.storage.ping()
            except StorageError as error:
                if state in str(error):
                    return
            await asyncio.sleep(0.05)


async def promoted(server: Postgres) -> None:
    """Let it become a primary, as soon as it can."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(AssertionError):
                await asyncio.to_thread(
                    server.command, "pg_ctl", "promote", "-w", "-D", server.data
                )
                return
            await asyncio.sleep(0.05)
