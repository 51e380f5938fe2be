"""New rows are sealed in order, in bounded batches, and never over something that is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.core.audit import sealing
from agentbox.core.audit.sealing import SealAudit, Tampered
from agentbox.core.background.scheduler import Scheduler
from agentbox.plugin import Storage
from tests.core.audit.trail import add, add_sealed, chain_of, judged, seal, tamper
from tests.core.world import World


async def sealed_rows(storage: Storage) -> int:
    async with storage.transaction(read_only=True) as tx:
        return len(await tx.audit.seals(0, 100_000))


async def run_once(world: World) -> None:
    """What the server does when the job is due."""
    scheduler = Scheduler([SealAudit(chain_of())], world.storage, world.clock, world.counters)
    await scheduler.start()
    world.clock.move(1)
    await scheduler.look()
    await scheduler.stop()


async def test_the_scheduler_seals_what_was_written(world: World, storage: Storage) -> None:
    await add(storage, 1, 3)

    await run_once(world)

    assert await sealed_rows(storage) == 3
    assert (await judged(storage)).faults == []


async def test_where_there_is_nothing_to_seal_nothing_is_written(
    world: World, storage: Storage
) -> None:
    await add_sealed(storage, 1, 3)
    await run_once(world)
    async with storage.transaction(read_only=True) as tx:
        state = await tx.jobs.get("audit-seal")

    assert state is not None
    assert state.fence == 0


async def test_a_backlog_is_sealed_in_several_runs(
    world: World, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 5)
    monkeypatch.setattr(sealing, "BATCHES", 3)
    await add(storage, 1, 40)

    counts = []
    for _ in range(3):
        await run_once(world)
        counts.append(await sealed_rows(storage))

    assert counts == [15, 30, 40]
    assert (await judged(storage)).faults == []


async def test_two_who_seal_at_once_can_not_fork_the_chain(storage: Storage) -> None:
    """The fence keeps the second one out; if it did not, the number of a seal would."""
    await add(storage, 1, 3)
    await seal(storage)

    assert await seal(storage) == 0
    assert await sealed_rows(storage) == 3


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit_points",
        "UPDATE audit_points SET seq = seq - 1",
        "UPDATE audit_points SET tag = $zeros",
    ],
)
async def test_nothing_is_sealed_over_a_head_that_was_tampered_with(
    storage: Storage, change: str
) -> None:
    await add_sealed(storage, 1, 3)
    await add(storage, 4, 5)
    tamper(storage, change)

    with pytest.raises(Tampered):
        await seal(storage)


async def test_a_row_that_can_not_be_read_is_not_sealed(world: World, storage: Storage) -> None:
    await add(storage, 1, 3)
    tamper(storage, "UPDATE audit SET details = '[]' WHERE seq = 2")

    with pytest.raises(Tampered, match="row 2"):
        await seal(storage)
    await run_once(world)

    assert await sealed_rows(storage) == 0
    assert world.counters.value("jobs.audit-seal.failed") == 0


def test_it_runs_each_second() -> None:
    assert SealAudit(chain_of()).interval == timedelta(seconds=1)
