"""A server is taken out of service under load, and nobody notices."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.e2e.test_process import API, given, sign_in
from tests.e2e.wire import calls_to
from tests.live import Live
from tests.process import serving
from tests.scale import scaled

CALLERS = 8
AFTER = 25


async def call_until_told_and_on(live: Live, headers: dict[str, str]) -> list[int]:
    """Calls until readiness is gone, as a balancer notices it, and some more, as it is late."""
    statuses: list[int] = []
    left = scaled(AFTER)
    while left:
        answer = await live.anonymous.raw("GET", f"{API}/auth/me", headers=headers)
        statuses.append(answer.status)
        ready = (await live.anonymous.raw("GET", "/readyz")).status
        assert ready in {200, 503}
        left -= ready == 503
    return statuses


async def load(url: str, headers: dict[str, str], begun: asyncio.Event) -> list[int]:
    async with calls_to(url) as live:
        calling = [
            asyncio.create_task(call_until_told_and_on(live, headers)) for _ in range(CALLERS)
        ]
        first = await live.anonymous.raw("GET", f"{API}/auth/me", headers=headers)
        assert first.status == 200
        begun.set()
        return [status for each in await asyncio.gather(*calling) for status in each]


async def test_no_request_fails_between_the_signal_and_the_end_of_the_delay(
    tmp_path: Path,
) -> None:
    # OP-04: not ready at once, serving on, kept connections told to close, then status 0.
    with serving(tmp_path, env=given(AGENTBOX_SERVER__DRAIN_DELAY="60s")) as server:
        headers = await asyncio.to_thread(sign_in, server.url)
        begun = asyncio.Event()
        loading = asyncio.create_task(load(server.url, headers, begun))
        await begun.wait()
        server.process.send_signal(signal.SIGTERM)
        statuses = await loading

        assert len(statuses) >= CALLERS * scaled(AFTER)
        assert set(statuses) == {200}
        assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0
