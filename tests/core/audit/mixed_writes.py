"""A process that changes things until it is killed: `mixed_writes.py DATABASE NAME`.

Users are made and edited and keys made, several at a time, through the use cases, while new rows of
the audit are sealed all the time. It prints a word after each commit.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from agentbox.core.keys.making import NewApiKey
from agentbox.core.people.users import NewUser, UserEdit
from agentbox.model.principal import Operator
from agentbox.plugin import Storage
from tests.backend import storage_at
from tests.core.audit.trail import seal
from tests.core.world import HERE, World

TASKS = 3
OPERATOR = Operator()


async def write(world: World, name: str, numbers: itertools.count[int]) -> None:
    while True:
        number = next(numbers)
        user = await world.users.create(OPERATOR, HERE, NewUser(username=f"{name}-{number}"))
        print("made", flush=True)
        for edit in range(3):
            email = f"{edit}@{user.username}.example"
            await world.users.edit(OPERATOR, HERE, user.id, UserEdit(email=email))
            print("edited", flush=True)
        await world.api_keys.create(OPERATOR, HERE, NewApiKey(), owner_id=user.id)
        print("key", flush=True)


async def seal_for_ever(storage: Storage) -> None:
    while True:
        await seal(storage)
        await asyncio.sleep(0)


async def main(database: str, name: str) -> None:
    storage = storage_at(database)
    numbers = itertools.count()
    async with storage.open(), asyncio.TaskGroup() as group:
        world = World(storage)
        group.create_task(seal_for_ever(storage))
        for _ in range(TASKS):
            group.create_task(write(world, name, numbers))


asyncio.run(main(*sys.argv[1:]))
