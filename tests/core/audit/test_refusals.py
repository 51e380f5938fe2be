"""Refusals are collected, merged, bounded, and written without anybody waiting for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from agentbox.core.audit import refusals
from agentbox.core.audit.refusals import HOLD_SECONDS, MOST_WAITING, Refusals
from agentbox.errors import StorageError
from agentbox.model.principal import Origin
from agentbox.plugin import Storage
from agentbox.plugin.storage import Transaction
from tests.core.audit.trail import tamper
from tests.core.world import HERE, START, World

DENIED = {"route": "GET /api/v1/users", "code": "insufficient_role"}


def deny(world: World, actor: str = "user:a", origin: Origin = HERE, **options: Any) -> None:
    world.refusals.note("access.refuse", actor, origin, DENIED, **options)


async def test_a_refusal_has_actor_origin_time_result_and_request(world: World) -> None:
    deny(world, target="user:b")
    await world.refusals.flush()

    (row,) = await world.audit()
    assert (row.event, row.actor, row.target) == ("access.refuse", "user:a", "user:b")
    assert (row.result, row.time, row.details) == ("denied", START, DENIED)
    assert (row.address, row.request_id) == (HERE.address, HERE.request_id)
    assert world.events == [row]


async def test_the_same_is_one_row_with_a_count(world: World) -> None:
    for _ in range(5):
        deny(world)
    deny(world, actor="user:b")
    deny(world, origin=Origin("198.51.100.1"))

    assert await world.refusals.flush() == 3
    assert [row.details.get("count") for row in await world.audit()] == [5, None, None]


async def test_it_is_not_written_twice(world: World) -> None:
    deny(world)
    assert await world.refusals.flush() == 1
    assert await world.refusals.flush() == 0
    deny(world)
    assert await world.refusals.flush() == 1


async def test_a_refused_read_is_written_once_in_ten_minutes(world: World) -> None:
    for _ in range(4):
        deny(world, read=True)
        await world.refusals.flush()
        world.clock.move(60)
    assert len(await world.audit()) == 1

    world.clock.move(HOLD_SECONDS)
    await world.refusals.flush()
    assert [row.details.get("count") for row in await world.audit()] == [None, 3]

    world.clock.move(HOLD_SECONDS)
    await world.refusals.flush()
    assert len(await world.audit()) == 2


async def test_what_is_held_is_written_at_the_end(world: World) -> None:
    deny(world, read=True)
    await world.refusals.flush()
    deny(world, read=True)
    deny(world, read=True)

    await world.refusals.flush(all_of_it=True)

    assert [row.details.get("count") for row in await world.audit()] == [None, 2]


async def test_more_than_fits_is_dropped_and_counted(world: World) -> None:
    for number in range(MOST_WAITING + 7):
        deny(world, actor=f"user:{number}")

    assert await world.refusals.flush() == MOST_WAITING
    assert world.counters.value("audit_refusals_dropped") == 7


async def test_reads_that_are_held_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_HELD", 3)
    for number in range(5):
        deny(world, actor=f"user:{number}", read=True)

    assert len(world.refusals._held) == 3


async def test_what_can_not_be_written_is_written_later(world: World, storage: Storage) -> None:
    deny(world)
    tamper(storage, "ALTER TABLE audit RENAME TO away")
    with pytest.raises(StorageError):
        await world.refusals.flush()
    assert world.events == []

    tamper(storage, "ALTER TABLE away RENAME TO audit")
    deny(world)
    await world.refusals.flush()
    first, second = await world.audit()
    assert (first.details, second.details) == (DENIED, DENIED)


class Forgetful:
    """A storage that does what it is told, and once answers that it did not."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.answers = True

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[Transaction]:
        async with self._storage.transaction(**options) as tx:
            yield tx
        if not self.answers:
            self.answers = True
            raise StorageError("the answer was lost")


async def test_what_was_written_unheard_is_written_once(storage: Storage) -> None:
    # OB-04: the answer to a commit is lost
    forgetful = Forgetful(storage)
    world = World(cast(Storage, forgetful))
    deny(world)
    forgetful.answers = False
    with pytest.raises(StorageError):
        await world.refusals.flush()
    deny(world)
    await world.refusals.flush()

    first, second = await world.audit()
    assert (first.details, second.details) == (DENIED, DENIED)
    assert [event.id for event in world.events] == [first.id, second.id]


def test_a_reason_is_one_of_a_closed_set(world: World) -> None:
    # OB-01: what a plugin says may quote a secret
    world.refusals.login(HERE, "hunter2")
    world.refusals.login(HERE, "password", "u1")

    rows = [noted.event for noted in world.refusals._waiting.values()]
    assert [(row.actor, row.details) for row in rows] == [
        ("anonymous", {"reason": "other"}),
        ("user:u1", {"reason": "password"}),
    ]


async def test_what_comes_while_it_is_written_is_a_row_of_its_own(world: World) -> None:
    class Slow(Refusals):
        """Something is refused between the commit and the next look."""

        def _tell(self, rows: Any) -> None:
            deny(world) if not world.events else None
            super()._tell(rows)

    world.refusals = Slow(world.storage, world.clock, world.counters, world.queue)
    deny(world)
    await world.refusals.flush()

    first, second = await world.audit()
    assert first.id != second.id
    assert (first.details, second.details) == (DENIED, DENIED)
