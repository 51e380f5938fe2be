"""The audit of replicas that write side by side: sealed in order, and whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from agentbox.core.audit.chain import LABEL, Chain
from agentbox.core.audit.sealing import SealAudit
from agentbox.core.audit.verification import StoredTrail, Verdict, verify
from agentbox.core.start.root_secret import RootSecret
from agentbox.testing.samples import an_event
from agentbox_postgres.descriptor import own_folders
from agentbox_postgres.storage import PostgresStorage
from tests.process import agentbox
from tests.replicas.cluster import Replica, settings
from tests.replicas.conftest import Shared
from tests.scale import scaled

CHAIN = Chain(RootSecret([b"1" * 32]).macs(LABEL))


@pytest.fixture
async def storage(fresh_dsn: str) -> PostgresStorage:
    storage = PostgresStorage(fresh_dsn)
    storage.migrate(own_folders())
    return storage


async def seal(storage: PostgresStorage) -> int:
    async with storage.transaction() as tx:
        return await SealAudit(CHAIN).seal_some(tx)


async def add(storage: PostgresStorage, name: str, *, fails: bool = False) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with storage.transaction() as tx:
            await tx.audit.add(an_event(name))
            if fails:
                raise ZeroDivisionError


async def judged(storage: PostgresStorage) -> Verdict:
    return await verify(StoredTrail(storage, 100), CHAIN)


# OB-04: a number that was given is waited for, though higher ones are committed
async def test_nothing_is_sealed_past_a_row_that_is_not_committed_yet(
    storage: PostgresStorage,
) -> None:
    async with storage.open():
        async with storage.transaction() as late:
            await late.audit.add(an_event("first"))
            async with storage.transaction() as tx:
                await tx.audit.add(an_event("second"))
            assert await seal(storage) == 0

        assert await seal(storage) == 2
        async with storage.transaction(read_only=True) as tx:
            assert [row.event and row.event.id for row in await tx.audit.rows(0, 9)] == [
                "first",
                "second",
            ]
        assert (await judged(storage)).faults == []


# OB-04: a number that was given and never used leaves a gap, which is no fault
async def test_a_row_that_is_rolled_back_leaves_a_gap(storage: PostgresStorage) -> None:
    async with storage.open():
        await add(storage, "lost", fails=True)
        await add(storage, "kept")

        assert await seal(storage) == 1
        verdict = await judged(storage)
        assert (verdict.faults, verdict.sealed, verdict.unsealed) == ([], 1, 0)


# OB-04: many who write and roll back, with sealing going on all the time on another replica
async def test_what_is_sealed_while_others_write_is_whole(
    storage: PostgresStorage, fresh_dsn: str
) -> None:
    other = PostgresStorage(fresh_dsn)
    written = over = 0

    async def write(number: int) -> None:
        nonlocal written
        for at in range(scaled(20)):
            try:
                async with (storage, other)[number % 2].transaction() as tx:
                    await tx.audit.add(an_event(f"{number}-{at}"))
                    # So that commits come in another order than numbers.
                    await tx.users.get("nobody")
                    await asyncio.sleep(0.002 * (number % 4))
                    if (number + at) % 5 == 0:
                        raise ZeroDivisionError
                written += 1
            except ZeroDivisionError:
                pass

    async def seal_all() -> int:
        sealed = 0
        while not over:
            sealed += await seal(other)
            await asyncio.sleep(0)
        return sealed

    async with storage.open(), other.open():
        sealing = asyncio.create_task(seal_all())
        await asyncio.gather(*(write(number) for number in range(12)))
        over = 1
        before_the_end = await sealing
        while await seal(storage):
            pass
        verdict = await judged(storage)

    assert before_the_end > 0
    assert (verdict.faults, verdict.sealed, verdict.unsealed) == ([], written, 0)


async def test_looking_for_rows_to_seal_holds_up_nobody(storage: PostgresStorage) -> None:
    async with storage.open():
        async with storage.transaction() as tx:
            await tx.audit.add(an_event("first"))
        async with storage.transaction(read_only=True) as looking:
            assert await SealAudit(CHAIN).wanted(looking)
            async with asyncio.timeout(1), storage.transaction() as tx:
                await tx.audit.add(an_event("second"))


# OB-04: mixed writes and refusals on three replicas
async def test_the_audit_of_three_replicas_verifies(
    replicas: list[Replica], shared: Shared, tmp_path: Path
) -> None:
    admins = [await one.admin() for one in replicas]

    async def work(number: int) -> None:
        for _ in range(scaled(3)):
            admin, other = admins[number % 3], admins[(number + 1) % 3]
            body = {"username": f"a-{os.urandom(6).hex()}"}
            user = (await admin.post("/users", body)).body
            await asyncio.gather(
                admin.patch(f"/users/{user['id']}", {"role": "viewer"}),
                other.patch(f"/users/{user['id']}", {"email": f"{user['id']}@example.com"}),
                replicas[number % 3].anonymous.get("/users"),
            )
            await other.delete(f"/users/{user['id']}")

    await asyncio.gather(*(work(number) for number in range(9)))
    async with asyncio.timeout(30):
        while await asyncio.to_thread(unsealed, shared):
            await asyncio.sleep(0.05)
    env = settings(shared.postgres.dsn(shared.database))
    verdict = await asyncio.to_thread(agentbox, tmp_path, "audit", "verify", env=env)

    assert verdict.returncode == 0, verdict.stdout
    assert verdict.stdout.startswith("The audit is whole: ")


def unsealed(shared: Shared) -> int:
    """How many rows are there after the last one that is sealed."""
    head = "SELECT seq FROM audit_points WHERE name = 'head'"
    statement = f"SELECT count(*) FROM audit WHERE seq > ({head})"
    ((count,),) = shared.postgres.run(statement, database=shared.database)
    return int(count)
