"""A database with no room left: reading goes on, and writing too once there is room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentbox_sqlite.storage import SqliteStorage
from tests.e2e.people import People
from tests.live import Answer, Live
from tests.storage.database import full

pytestmark = pytest.mark.sqlite_alone("filled by a limit of pages")

LONG = "x" * 500
"""A description that soon fills what is left of the last pages."""


async def write(people: People) -> Answer:
    return await people.user.caller.post("/api-keys", {"description": LONG})


@asynccontextmanager
async def full_database(live: Live, people: People) -> AsyncIterator[None]:
    """Filled up to its limit, so that one write after the other is refused."""
    assert isinstance(live.runtime.storage, SqliteStorage)
    async with full(live.runtime.storage):
        refused = 0
        while refused < 3:
            refused = refused + 1 if (await write(people)).status == 507 else 0
        yield


async def test_writes_say_that_the_storage_is_full(live: Live, people: People) -> None:
    # ST-10
    async with full_database(live, people):
        answer = await write(people)

    assert (answer.status, answer.error) == (507, "storage_full")
    assert LONG not in answer.text


async def test_reads_token_checks_and_health_go_on(live: Live, people: People) -> None:
    # ST-10
    key = await people.user.key()
    async with full_database(live, people):
        answers = [
            await people.user.caller.get("/auth/me"),
            await live.with_key(key).get("/auth/me"),
            await people.admin.caller.get("/users"),
            await live.anonymous.get("/healthz"),
            await live.anonymous.get("/readyz"),
        ]
        await live.runtime.last_used.flush()

    assert [answer.status for answer in answers] == [200] * 5


async def test_a_refused_write_leaves_nothing(live: Live, people: People) -> None:
    # ST-10: no corruption
    async with full_database(live, people):
        before = (await people.user.caller.get("/api-keys?limit=1")).body["total"]
        assert (await write(people)).status == 507
        assert (await people.user.caller.get("/api-keys?limit=1")).body["total"] == before

    assert await live.runtime.storage.check_integrity() == ()


async def test_writes_work_again_without_a_restart(live: Live, people: People) -> None:
    # ST-10
    async with full_database(live, people):
        pass

    assert (await write(people)).status == 201
    assert (await live.sign_in(people.user.username)).headers
