"""One rate, and processes on one Postgres that take turns by nothing but its lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.core.recognition.limited import Uses, a_key, counted
from tests.core.world import World


@pytest.fixture
async def worlds(fresh_dsn: str) -> AsyncIterator[list[World]]:
    """Three processes, each with a pool of its own, at one time that stands still."""
    first = PostgresStorage(fresh_dsn)
    await asyncio.to_thread(first.migrate, own_folders())
    storages: list[Any] = [first, PostgresStorage(fresh_dsn), PostgresStorage(fresh_dsn)]
    async with AsyncExitStack() as stack:
        for storage in storages:
            await stack.enter_async_context(storage.open())
        one = World(first)
        yield [one, *(World(storage, clock=one.clock) for storage in storages[1:])]


# AK-05
@pytest.mark.parametrize(("rate", "number"), [("20/second", 20), ("300/minute", 300)])
async def test_processes_on_one_postgres_allow_together_what_the_rate_says(
    worlds: list[World], rate: str, number: int
) -> None:
    key_id = await a_key(worlds[0])
    processes = [Uses(world, key_id) for world in worlds]
    for _ in range(4):
        allowed = 0
        for _ in range(6):  # so that some have spare ones
            got = await asyncio.gather(*(each.at_once(rate, number // 9) for each in processes))
            allowed += sum(got)
        allowed += sum([await each.allowed(rate, number) for each in processes])

        assert number - sum(each.rates._shares[key_id].spare for each in processes) <= allowed
        assert allowed <= number
        assert await counted(worlds[0], key_id) == number
        worlds[0].clock.move(61)
