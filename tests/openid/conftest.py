"""A provider, a server that signs people in there, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.people import in_a_thread
from tests.live import ShiftedClock, live_server
from tests.openid.fake_provider import FakeProvider, fake_provider
from tests.openid.scene import Scene, scene_at


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of a first start, to be copied."""
    folder = tmp_path_factory.mktemp("seed")

    async def start_once() -> None:
        async with live_server(folder):
            pass

    in_a_thread(start_once())
    return folder


@pytest.fixture
def folder(seed: Path, tmp_path: Path) -> Path:
    """A database of one's own."""
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def clock() -> ShiftedClock:
    """The server's clock; `advance` it instead of waiting."""
    return ShiftedClock()


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    """A provider that does everything right."""
    async with fake_provider() as fake:
        yield fake


@pytest.fixture
async def scene(folder: Path, clock: ShiftedClock, provider: FakeProvider) -> AsyncIterator[Scene]:
    """A server with that provider, which makes users."""
    async with scene_at(folder, clock, provider) as opened:
        yield opened
