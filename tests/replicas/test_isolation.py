"""Rules hold whatever the database's own defaults are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agentbox.errors import StorageError
from agentbox.model.access.roles import Role
from agentbox.model.users import UserFilter
from agentbox.plugin.storage import Change, Page
from agentbox.testing.samples import HOUR, NOON, a_user
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from agentbox_postgres.transaction import PostgresTransaction
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


# SC-01, ST-08: of a replica that is gone, one transaction may hold a lock for ten seconds, and
# those behind it must not have it for as long again, one after the other
@pytest.mark.parametrize(("job", "wait"), [(None, "2s"), ("job", "30s")])
async def test_who_waits_for_a_lock_gives_up_in_the_database_too(
    fresh_dsn: str, job: str | None, wait: str
) -> None:
    storage = PostgresStorage(fresh_dsn)
    storage.migrate(own_folders())
    async with storage.open():
        lease = None
        if job is not None:
            async with storage.transaction() as tx:
                await tx.jobs.ensure(job, NOON)
                lease = await tx.jobs.claim(job, NOON, NOON + HOUR)
        async with storage.transaction(lease=lease) as tx:
            assert isinstance(tx, PostgresTransaction)
            assert [tuple(row) for row in await tx._db.fetch("SHOW lock_timeout")] == [(wait,)]


# JWT-10, ST-08: what was given up on may take place yet, and its notice is the first sign of it
async def test_a_commit_that_was_given_up_on_is_told_when_it_takes_place(
    postgres: Postgres, fresh_dsn: str
) -> None:
    storage = PostgresStorage(fresh_dsn)
    storage.migrate(own_folders())
    heard: list[Change] = []
    async with storage.open():
        storage.on_change(heard.append)
        pool = storage._opened
        announced: list[str] = []
        announce = pool._announce

        def kept(changes: Sequence[Change]) -> str:
            announced.append(announce(changes))
            return f"{announced[0]}; SELECT pg_sleep(30)"

        pool._announce = kept
        with pytest.raises(StorageError):
            async with storage.transaction() as tx:
                tx.changed(Change("signing_key", "k"))
        assert heard == [Change("signing_key", "k")]  # read again at once, and perhaps too early

        postgres.run(announced[0], database=name_of(fresh_dsn))  # as if it had been committed now
        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
    assert heard == [Change("signing_key", "k")] * 2
