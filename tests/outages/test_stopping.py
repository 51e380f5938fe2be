"""A server on Postgres that is told to stop: it drains, and ends whatever its database does."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.e2e.operation.test_draining import load
from tests.e2e.test_process import sign_in
from tests.live import ADMIN_PASSWORD
from tests.outages.servers import paused, settings_for
from tests.postgres import Postgres
from tests.process import environment, serving
from tests.scale import scaled


def given(dsn: str, **more: str) -> dict[str, str]:
    """The environment of a process."""
    settings = settings_for(dsn, **more)
    return environment(**{name: value for name, value in settings.items() if value is not None})


async def test_no_request_fails_between_the_signal_and_the_end_of_the_delay(
    dsn: str, tmp_path: Path
) -> None:
    # OP-04 on Postgres
    env = given(dsn, AGENTBOX_SERVER__DRAIN_DELAY="60s")
    with serving(tmp_path, env=env) as server:
        headers = await asyncio.to_thread(sign_in, server.url, ADMIN_PASSWORD)
        begun = asyncio.Event()
        loading = asyncio.create_task(load(server.url, headers, begun))
        await begun.wait()
        server.process.send_signal(signal.SIGTERM)
        statuses = await loading

        assert len(statuses) >= scaled(25)
        assert set(statuses) == {200}
        assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0


async def test_a_server_ends_although_its_database_does_not_answer(
    postgres: Postgres, dsn: str, tmp_path: Path
) -> None:
    # OP-04: what is still to be written can't be, which is logged, and the end is in order
    with serving(tmp_path, env=given(dsn)) as server:
        await asyncio.to_thread(sign_in, server.url, ADMIN_PASSWORD)
        with paused(*postgres.pids):
            async with asyncio.timeout(20):
                assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0
    assert any('"stopped"' in line for line in server.lines)
