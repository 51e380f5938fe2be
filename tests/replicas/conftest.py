"""Three replicas on one Postgres for the tests of this folder, and databases for those that break
things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from tests.live import UNTHROTTLED
from tests.postgres import Postgres
from tests.process import ServerProcess
from tests.replicas.cluster import Replica, calling, cluster, settings


class Shared(NamedTuple):
    """Processes that all tests use, each with users of its own."""

    processes: list[ServerProcess]
    database: str
    postgres: Postgres

    def listeners(self) -> list[int]:
        """Process ids of the backends that the replicas listen on."""
        return listeners(self.postgres, self.database)


def listeners(postgres: Postgres, database: str) -> list[int]:
    """Process ids of the backends on which replicas listen for notices."""
    rows = postgres.run(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'agentbox notices'"
        f" AND datname = '{database}' ORDER BY pid"
    )
    return [row[0] for row in rows]


@pytest.fixture(scope="session")
def shared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Three replicas that listen."""
    name = postgres.create()
    folder = tmp_path_factory.mktemp("replicas")
    try:
        with cluster(folder, 3, settings(postgres.dsn(name), **UNTHROTTLED)) as processes:
            yield Shared(processes, name, postgres)
    finally:
        postgres.drop(name)


@pytest.fixture
async def replicas(shared: Shared) -> AsyncIterator[list[Replica]]:
    """Clients of the three replicas."""
    async with calling(shared.processes) as clients:
        yield clients
