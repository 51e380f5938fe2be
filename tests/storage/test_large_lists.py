"""Lists of thousands: right, in few statements, and none of them walks a table.

`python -m bench lists` takes the times of the same cases on a hundred thousand.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from agentbox.model.environments import EnvironmentFilter, SeenEnvironment
from agentbox.model.users import User, UserFilter
from agentbox.plugin.sql.walks import MANY_GRANTS
from agentbox.plugin.storage import Page, Storage
from agentbox.testing.storage.lists.environments import fits
from bench.filling import Filled, fill
from bench.lists import Case, ask, environment_cases, user_cases
from tests.storage.plans import plan, slow
from tests.storage.recording import Recording, sent

SIZE = MANY_GRANTS
"""As many as the user who was granted all has to have to count as one with many grants."""

LIMIT = 100


class World(NamedTuple):
    """A filled database, and what is in it, newest first."""

    path: Path
    storage: Storage
    filled: Filled
    users: Sequence[User]
    environments: Sequence[SeenEnvironment]
    granted: dict[str, set[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Filled]:
    """The database, made once."""
    path = tmp_path_factory.mktemp("large") / "agentbox.db"
    return path, asyncio.run(fill(path, SIZE))


@pytest.fixture
async def world(made: tuple[Path, Filled]) -> AsyncIterator[World]:
    path, filled = made
    storage = Recording(path)
    async with storage.open():
        everything = Page(SIZE)
        async with storage.transaction(read_only=True) as tx:
            users = await tx.users.list(UserFilter(), everything)
            granted = {}
            for viewer in (filled.granted_many, filled.granted_all):
                seen = await tx.environments.list(EnvironmentFilter(), everything, viewer)
                granted[viewer] = {each.id for each, permission in seen if permission}
        yield World(path, storage, filled, users, seen, granted)


def cases(filled: Filled) -> list[Case]:
    return [*user_cases(SIZE), *environment_cases(filled)]


async def test_every_list_is_one_page_of_what_fits(world: World) -> None:
    for case in cases(world.filled):
        rows, _, total = await ask(world.storage, world.filled, case, LIMIT)
        wanted = _fitting(world, case)

        assert (case.name, total) == (case.name, len(wanted))
        if case.after is None:
            left = wanted[case.offset :]
        else:
            ids = _ids(world, case)
            left = [id_ for id_ in wanted if ids.index(id_) > ids.index(_row(world, case))]
        assert (case.name, rows) == (case.name, len(left[: LIMIT + 1]))


async def test_every_list_takes_two_statements_for_page_and_count(world: World) -> None:
    """And one more for each where there are two ways to walk."""
    for case in cases(world.filled):
        sent.clear()
        await ask(world.storage, world.filled, case, LIMIT)
        where = case.where
        two_ways = (
            isinstance(where, EnvironmentFilter)
            and where.label is not None
            and where.granted_to is not None
            and where.only is None
        )

        assert (case.name, len(sent)) == (case.name, 4 if two_ways else 2)


async def test_no_list_and_no_count_walks_a_table_or_sorts_what_it_found(world: World) -> None:
    """Also not with statistics, by which SQLite may choose other ways."""
    sent.clear()
    for case in cases(world.filled):
        await ask(world.storage, world.filled, case, LIMIT)
    statements = set(sent)

    assert len(statements) > 60
    with closing(sqlite3.connect(world.path)) as connection:
        assert _slow(connection, statements) == {}
        connection.execute("ANALYZE")
    with closing(sqlite3.connect(world.path)) as connection:
        assert _slow(connection, statements) == {}


def _slow(connection: sqlite3.Connection, statements: set[str]) -> dict[str, list[str]]:
    return {sql: steps for sql in statements if slow(sql, steps := plan(connection, sql))}


def _ids(world: World, case: Case) -> list[str]:
    if isinstance(case.where, UserFilter):
        return [user.id for user in world.users]
    return [seen.environment.id for seen in world.environments]


def _row(world: World, case: Case) -> str:
    assert case.after is not None
    of = world.filled.users if isinstance(case.where, UserFilter) else world.filled.environments
    return of[case.after]


def _fitting(world: World, case: Case) -> list[str]:
    """The ids in the whole list."""
    where = case.where
    if isinstance(where, UserFilter):
        return [user.id for user in world.users if _user_fits(user, where)]
    granted = world.granted.get(where.granted_to or "", ())
    return [each.id for each, _ in world.environments if fits(each, where, granted)]


def _user_fits(user: User, where: UserFilter) -> bool:
    text = None if where.search is None else where.search.lower()
    return (
        (where.role is None or user.role is where.role)
        and (where.status is None or user.status is where.status)
        and (text is None or text in user.username.lower() or text in (user.email or ""))
    )
