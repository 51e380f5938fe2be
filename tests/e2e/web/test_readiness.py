"""A server says that it is not ready while it can't do its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.backend import ON_POSTGRES
from tests.live import Live, beside, live_server
from tests.process import agentbox


@pytest.mark.parametrize("table", ["markers", "signing_keys"])
async def test_a_server_without_schema_or_signing_keys_is_not_ready(
    tmp_path: Path, table: str
) -> None:
    # OP-05: readiness covers database, migrations and keys; liveness none of them.
    async with live_server(tmp_path) as live:
        assert (await live.anonymous.get("/readyz")).status == 200
        await beside(tmp_path, f"DELETE FROM {table}")
        if ON_POSTGRES:  # where a process hears of others' changes, but doesn't look for them
            await beside(tmp_path, "NOTIFY agentbox_changes")
        async with asyncio.timeout(10):
            while (await live.anonymous.get("/readyz")).status != 503:
                pass
        assert (await live.anonymous.get("/healthz")).status == 200


async def test_a_server_whose_schema_was_rolled_back_is_not_ready(
    tmp_path: Path,
) -> None:
    # OP-05
    async with live_server(tmp_path) as live:
        # In a thread: a server that stands still in the middle of a read would hold it up.
        done = await asyncio.to_thread(agentbox, tmp_path, "migrate", "down", "--all", "--yes")
        assert done.returncode == 0, done.stderr
        assert (await live.anonymous.get("/readyz")).status == 503
        assert (await live.anonymous.get("/healthz")).status == 200


async def test_the_old_health_path_says_the_same(live: Live) -> None:
    assert (await live.anonymous.get("/api/v1/health")).status == 200
