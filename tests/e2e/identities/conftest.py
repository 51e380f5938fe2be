"""A server beside whose methods there is a site that says what it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbox.plugin.storage import Page
from tests.core.identities.at_sites import Site
from tests.e2e.identities.browser import OUR_PAGE
from tests.e2e.identities.opening import open_with
from tests.e2e.identities.trail import Trail
from tests.e2e.people import People, Template
from tests.live import UNTHROTTLED, Live, live_server


@pytest.fixture
def site() -> Site:
    """Two of them, `example` and `other`."""
    return Site(ids=["example", "other"])


@pytest.fixture
async def live(
    template: Template, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A server with the site."""
    open_with(monkeypatch, site)
    template.copy_to(tmp_path)
    environ = {**UNTHROTTLED, "AGENTBOX_SERVER__RETURN_TO": OUR_PAGE}
    async with live_server(tmp_path, environ=environ) as server:
        yield server


@pytest.fixture
async def people(live: Live, template: Template) -> People:
    """Everybody, calling this server in sessions as fresh as if they had begun now."""
    now = live.runtime.clock.now()
    async with live.runtime.storage.transaction() as tx:
        for seed in template.seeds.values():
            for session in await tx.sessions.list(seed.record["id"], now, Page(10)):
                assert await tx.sessions.renew(session.id, now, session.amr)
    return People(live, template)


@pytest.fixture
def trail(live: Live, people: People) -> Trail:
    """Reads what requests left in the audit."""
    return Trail(live, people.first.caller)
