"""A server for each test of the web layer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.live import Live, serving


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    """The tests' own routes on a real socket."""
    async with serving() as running:
        yield running
