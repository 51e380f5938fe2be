"""What is too old is cut off the front, as a whole, and the rest still verifies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.core.audit import retention
from agentbox.core.audit.parts import make_audit
from agentbox.core.audit.retention import CutAudit
from agentbox.core.audit.sealing import Tampered
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.start.root_secret import RootSecret
from agentbox.plugin import Storage
from tests.core.audit.trail import SECRET, add, add_sealed, chain_of, judged, seal, tamper
from tests.core.world import SCOPES, START, World

AT_FIVE = START + timedelta(seconds=5)
"""Rows 1 to 4 are older than this."""


async def numbers(storage: Storage) -> list[int]:
    async with storage.transaction(read_only=True) as tx:
        return [row.seq for row in await tx.audit.rows(0, 1000)]


async def cut(world: World, storage: Storage) -> int:
    job = CutAudit(chain_of(), world.clock, timedelta(days=1))
    async with storage.transaction() as tx:
        return await job.cut_some(tx, AT_FIVE)


async def test_what_is_left_verifies_from_the_anchor_on(world: World, storage: Storage) -> None:
    await add_sealed(storage, 1, 9)

    assert await cut(world, storage) == 4
    await seal(storage)

    verdict = await judged(storage)
    assert verdict.faults == []
    assert verdict.sealed == 6  # rows 5 to 9, and that the others were cut
    assert verdict.anchor is not None
    assert verdict.anchor.seq == 4


async def test_the_trail_says_what_was_cut(world: World, storage: Storage) -> None:
    await add_sealed(storage, 1, 9)
    await cut(world, storage)

    row = (await world.audit())[-1]
    assert (row.event, row.actor, row.details) == ("audit.cut", "system", {"rows": 4, "upto": 4})
    assert await cut(world, storage) == 0


async def test_what_is_not_sealed_stays(world: World, storage: Storage) -> None:
    await add_sealed(storage, 1, 2)
    await add(storage, 3, 9)

    assert await cut(world, storage) == 2
    assert (await numbers(storage))[:2] == [3, 4]
    await seal(storage)
    assert (await judged(storage)).faults == []


async def test_all_of_the_sealed_trail_may_go(world: World, storage: Storage) -> None:
    await add_sealed(storage, 1, 4)

    assert await cut(world, storage) == 4
    assert (await judged(storage)).faults == []
    await seal(storage)
    assert (await judged(storage)).faults == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'user:x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET details = '[]' WHERE seq = 2",
        "UPDATE audit_points SET tag = $zeros",
    ],
)
async def test_evidence_of_tampering_is_never_cut(
    world: World, storage: Storage, change: str
) -> None:
    await add_sealed(storage, 1, 9)
    tamper(storage, change)
    before = await numbers(storage)

    with pytest.raises(Tampered):
        await cut(world, storage)

    assert await numbers(storage) == before


@pytest.mark.parametrize(("days", "names"), [(0, ["audit-seal"]), (1, ["audit-seal", "audit-cut"])])
def test_a_retention_of_0_cuts_nothing_ever(world: World, days: int, names: list[str]) -> None:
    parts = make_audit(
        world.storage,
        world.clock,
        world.counters,
        world.queue,
        SCOPES,
        RootSecret([SECRET]),
        timedelta(days=days),
    )

    assert [job.name for job in parts.jobs()] == names


async def test_the_job_cuts_in_batches(
    world: World, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    await add_sealed(storage, 1, 9)
    job = CutAudit(chain_of(), world.clock, timedelta(days=1))
    scheduler = Scheduler([job], world.storage, world.clock, world.counters)
    await scheduler.start()
    world.clock.move(86400 + 5)
    await scheduler.look()
    await scheduler.stop()
    await seal(storage)

    assert (await numbers(storage))[0] == 5
    assert (await judged(storage)).faults == []
