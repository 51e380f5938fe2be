"""A command's client for other servers is there once a plugin asks for it, and no sooner."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentbox.errors import OutboundFailed
from agentbox.web.outgoing.when_asked import OfflineWhenAsked

IMPORTED = """
import asyncio, sys
from agentbox.web.outgoing.when_asked import OfflineWhenAsked

async def main():
    async with OfflineWhenAsked() as outgoing:
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


async def test_it_asks_nobody() -> None:
    async with OfflineWhenAsked() as outgoing:
        client = outgoing.to(["http://127.0.0.1:9"])
        for request in (
            client.get("http://127.0.0.1:9/"),
            client.post_form("http://127.0.0.1:9/", {}),
            client.post_json("http://127.0.0.1:9/", b"{}"),
        ):
            with pytest.raises(OutboundFailed) as failed:
                await request
            assert failed.value.reason == "offline"


async def test_what_is_no_origin_is_refused() -> None:
    async with OfflineWhenAsked() as outgoing:
        with pytest.raises(ValueError, match="origin"):
            outgoing.to(["https://id.example/path"])
