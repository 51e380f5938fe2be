"""The database ends the connection at any statement: all of a change is there, or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from agentbox.core.keys.making import NewApiKey
from agentbox.core.people.users import NewUser, UserEdit
from agentbox.errors import StorageError
from agentbox.model.access.roles import Role
from agentbox.model.jobs import Lease
from agentbox.model.principal import Operator
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.sql import SqlTransaction
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.core.world import HERE, World, add_key, add_session, add_user

PASSWORD = "a-canary-of-a-password"
OPERATOR = Operator()
TABLES = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
END_MYSELF = "SELECT pg_terminate_backend(pg_backend_pid())"


class Ending(PostgresStorage):
    """Ends its connection before the `at`-th step of a transaction that writes; a step is a
    statement, or the commit. `None` ends nothing."""

    at: int | None = None
    steps = 0

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, *, read_only: bool = False, single: bool = False, lease: Lease | None = None
    ) -> AsyncIterator[SqlTransaction]:
        begun = super().transaction(read_only=read_only, single=single, lease=lease)
        async with begun as tx:
            assert isinstance(tx, SqlTransaction)
            if read_only:
                yield tx
                return
            db: Any = tx._db
            fetch, run_many = db.fetch, db.run_many

            async def step() -> None:
                if self.at == self.steps:
                    await fetch(END_MYSELF)
                self.steps += 1

            async def counted_fetch(sql: str, *values: Any) -> Any:
                await step()
                return await fetch(sql, *values)

            async def counted_run_many(sql: str, rows: Iterable[Sequence[Any]]) -> None:
                await step()
                await run_many(sql, rows)

            db.fetch, db.run_many = counted_fetch, counted_run_many
            yield tx
            await step()


Do = Callable[[World, User], Awaitable[object]]


async def delete_with_all(world: World, user: User) -> None:
    """Somebody with a session, a key and a password."""
    await world.users.delete(OPERATOR, HERE, user.id)


OPERATIONS: dict[str, Do] = {
    "a user with a role and a password": lambda world, user: world.users.create(
        OPERATOR, HERE, NewUser(username="new", role=Role.ADMIN, password=Secret(PASSWORD))
    ),
    "another role and another password": lambda world, user: world.users.edit(
        OPERATOR, HERE, user.id, UserEdit(role=Role.VIEWER, password=Secret(PASSWORD))
    ),
    "a password reset": lambda world, user: world.recovery.reset(OPERATOR, HERE, user.id),
    "a key": lambda world, user: world.api_keys.create(
        OPERATOR, HERE, NewApiKey(scopes=frozenset({"self:read"})), owner_id=user.id
    ),
    "the end of all sessions": lambda world, user: world.sessions.end_all_of(
        OPERATOR, HERE, user.id
    ),
    "a user who goes": delete_with_all,
}


def contents(reading: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """All rows of all tables."""
    tables = reading.execute(TABLES).fetchall()
    return {
        name: reading.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1").fetchall()
        for (name,) in tables
    }


# ST-02 on Postgres
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_change_is_whole_or_nothing_wherever_its_connection_ends(
    fresh_dsn: str, name: str
) -> None:
    storage = Ending(fresh_dsn)
    storage.migrate(own_folders())
    with psycopg.connect(fresh_dsn, autocommit=True) as reading:
        async with storage.open():
            world = World(storage)
            user = await add_user(storage, password=PASSWORD)
            await add_session(storage, user)
            await add_key(storage, user, ["self:read"])
            before = contents(reading)
            at = 0
            while True:
                storage.at, storage.steps = at, 0
                try:
                    await OPERATIONS[name](world, user)
                except StorageError:
                    assert contents(reading) == before
                    assert world.events == []
                    at += 1
                else:
                    break
            after = contents(reading)

    assert at >= 4  # a lock, what is read, what is written, the audit's row, the commit
    assert len(after["audit"]) - len(before["audit"]) == len(world.events) >= 1
