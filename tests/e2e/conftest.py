"""A server of its own for every test, on a copy of one filled database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.people import People, Template, build_template
from tests.live import Live, ShiftedClock, live_server


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two people of every role, and the super_admin of the first start, in one folder."""
    return build_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def clock() -> ShiftedClock:
    """The server's clock; `advance` it instead of waiting."""
    return ShiftedClock()


@pytest.fixture
async def live(template: Template, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Live]:
    """A server on a copy of the template."""
    template.copy_to(tmp_path)
    async with live_server(tmp_path, clock=clock) as server:
        yield server


@pytest.fixture
def people(live: Live, template: Template) -> People:
    """Everyone in the template, signed in at `live`."""
    return People(live, template)
