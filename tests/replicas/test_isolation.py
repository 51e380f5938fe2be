"""Rules hold whatever the database's own defaults are."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.model.access.roles import Role
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Page
from agentbox.testing.samples import a_user
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.postgres import Postgres
from tests.replicas.cluster import name_of


# AZ-05, ST-07: who has waited for a lock sees what was committed meanwhile
@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
async def test_a_rule_over_several_rows_holds_at_every_default_isolation(
    postgres: Postgres, fresh_dsn: str, level: str
) -> None:
    storage = PostgresStorage(fresh_dsn)
    storage.migrate(own_folders())
    postgres.run(
        f"ALTER DATABASE {name_of(fresh_dsn)} SET default_transaction_isolation = '{level}'"
    )

    async def add_the_only_one(number: int) -> bool:
        async with storage.transaction() as tx:
            await tx.lock("rights")
            if await tx.users.list(UserFilter(), Page(10)):
                return False
            await tx.users.add(a_user(str(number), role=Role.SUPER_ADMIN))
            await asyncio.sleep(0.02)  # the others wait, some of them for long
            return True

    async with storage.open():
        made = await asyncio.gather(*(add_the_only_one(number) for number in range(8)))

    assert sorted(made) == [False] * 7 + [True]
