"""A command's client for other servers is there once a plugin asks for it, and no sooner."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aiohttp import ClientSession

from agentbox.errors import OutboundFailed
from agentbox.web.client_when_asked import OutgoingWhenAsked

IMPORTED = """
import asyncio, sys
from agentbox.web.client_when_asked import OutgoingWhenAsked

async def main():
    async with OutgoingWhenAsked() as outgoing:
        before = "aiohttp" in sys.modules
        outgoing.to(["http://127.0.0.1:9"])
        print(before, "aiohttp" in sys.modules)

asyncio.run(main())
"""


def test_nothing_is_imported_before_somebody_asks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["False", "True"]


async def test_it_asks_as_a_server_s_does_and_is_closed_at_the_end() -> None:
    opened = OutgoingWhenAsked()
    async with opened as outgoing:
        first, second = (outgoing.to(["http://127.0.0.1:9"]) for _ in range(2))
        for client in (first, second):
            with pytest.raises(OutboundFailed) as failed:
                await client.get("http://127.0.0.1:9/")
            assert failed.value.reason == "connection"
        session: ClientSession = first._session  # type: ignore[attr-defined]
        assert session is second._session  # type: ignore[attr-defined]

    assert session.closed


async def test_what_is_no_origin_is_refused() -> None:
    async with OutgoingWhenAsked() as outgoing:
        with pytest.raises(ValueError, match="origin"):
            outgoing.to(["https://id.example/path"])


async def test_nobody_has_to_ask() -> None:
    async with OutgoingWhenAsked() as outgoing:
        pass

    assert outgoing._http is None
