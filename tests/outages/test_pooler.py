"""Through a pooler in transaction mode: refused as the only way, and enough beside a direct one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agentbox.errors import StorageError
from agentbox.testing import StorageFactory, StorageSuite
from agentbox.testing.storage import (
    ChangeTests,
    DurabilityTests,
    ErrorTests,
    RaceTests,
    RollbackTests,
)
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.outages.load import loaded
from tests.outages.pooler import Pooler, pooling
from tests.outages.servers import on_postgres
from tests.postgres import Postgres
from tests.scale import SCALE


@pytest.fixture(scope="session")
def pooler(postgres: Postgres) -> Iterator[Pooler]:
    """Before the server of all tests."""
    with pooling(postgres) as pooler:
        yield pooler


def pooled(pooler: Pooler, dsn: str) -> str:
    """The way through the pooler to the same database."""
    return pooler.dsn(urlsplit(dsn).path.strip("/"))


async def test_a_pooler_alone_is_refused(pooler: Pooler, dsn: str) -> None:
    with pytest.raises(StorageError, match=r"pooler in transaction mode.*direct_dsn"):
        async with on_postgres(pooled(pooler, dsn)):
            pass


async def test_a_pooler_in_the_place_of_the_direct_way_is_refused(pooler: Pooler, dsn: str) -> None:
    through = pooled(pooler, dsn)
    with pytest.raises(StorageError, match="pooler in transaction mode"):
        async with on_postgres(through, AGENTBOX_PLUGINS__POSTGRES__DIRECT_DSN=through):
            pass


async def test_a_pooler_with_a_direct_way_beside_it_serves(pooler: Pooler, dsn: str) -> None:
    through = pooled(pooler, dsn)
    async with on_postgres(through, AGENTBOX_PLUGINS__POSTGRES__DIRECT_DSN=dsn) as live:
        async with loaded(live) as load:
            made = await asyncio.gather(*(live.make_user(f"user-{n}") for n in range(5)))
            for user in made:
                signed_in = await live.sign_in(user["username"])
                assert (await signed_in.get("/auth/me")).body["id"] == user["id"]
            await load.until_all_is_well()
    load.assert_kept(dsn)


class Transactions(RaceTests, RollbackTests, ChangeTests, DurabilityTests, ErrorTests):
    """What a pooler could break; `make soak` runs the whole suite."""


class TestPooled(StorageSuite if SCALE > 1 else Transactions):  # type: ignore[misc]
    """Through the pooler Postgres keeps the contract."""

    @pytest.fixture
    def factory(self, pooler: Pooler, fresh_dsn: str) -> StorageFactory:
        through = pooled(pooler, fresh_dsn)
        return StorageFactory(
            make=lambda: PostgresStorage(through, direct_dsn=fresh_dsn),
            unreachable=lambda: PostgresStorage("postgresql:///agentbox?host=/missing"),
            folders=own_folders(),
        )
