"""A server of its own for every test, on a copy of the filled world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend import database_in
from tests.e2e.matrix.world import Filled, World, fill, renew
from tests.e2e.people import Template
from tests.live import live_server


@pytest.fixture(scope="session")
def filled(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Everybody and everything that the cells name."""
    return fill(template, tmp_path_factory.mktemp("matrix"))


@pytest.fixture
async def world(filled: Filled, tmp_path: Path) -> AsyncIterator[World]:
    """A server on a copy of it."""
    filled.template.copy_to(tmp_path)
    async with live_server(tmp_path) as live:
        await renew(live, filled)
        with database_in(tmp_path).reader() as reader:
            yield World(live, filled, reader)
