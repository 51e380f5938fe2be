"""Reports that are written together: who shares a transaction, what each is told, who is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentbox.core.environments import report_writer
from agentbox.core.environments.report_writer import ReportWriter
from agentbox.errors import StorageError
from agentbox.model.environments import EnvironmentReport
from agentbox.plugin.storage import Storage
from tests.core.environments import put_environment, remove_environment
from tests.core.world import START, add_user


class Gated:
    """A storage whose writing transactions end when the test lets them, and are counted."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.go = asyncio.Event()
        self.go.set()
        self.begun = 0
        self.error: Exception | None = None

    @asynccontextmanager
    async def transaction(self, **how: Any) -> AsyncIterator[Any]:
        async with self.storage.transaction(**how) as tx:
            yield tx
            if not how:
                self.begun += 1
                await self.go.wait()
                if self.error is not None:
                    raise self.error

    async def has_begun(self, number: int) -> None:
        async with asyncio.timeout(10):
            while self.begun < number:
                await asyncio.sleep(0.001)


@pytest.fixture
def gated(storage: Storage) -> Gated:
    return Gated(storage)


@pytest.fixture
def writer(gated: Any) -> ReportWriter:
    return ReportWriter(gated)


@pytest.fixture
async def ids(storage: Storage) -> list[str]:
    """Of three environments."""
    user = await add_user(storage)
    return [await put_environment(storage, user.id) for _ in range(3)]


def said(environment_id: str, sandboxes: int) -> EnvironmentReport:
    return EnvironmentReport(environment_id=environment_id, reported_at=START, sandboxes=sandboxes)


Reporting = Callable[[str, int], "asyncio.Task[bool]"]


@pytest.fixture
def report(writer: ReportWriter) -> Reporting:
    return lambda id_, sandboxes: asyncio.create_task(writer.put(said(id_, sandboxes)))


async def kept(storage: Storage, ids: list[str]) -> list[int | None]:
    async with storage.transaction(read_only=True) as tx:
        reports = await tx.reports.get(ids)
    return [reports[id_].sandboxes if id_ in reports else None for id_ in ids]


async def test_one_alone_is_written_at_once(
    writer: ReportWriter, gated: Gated, ids: list[str]
) -> None:
    assert await writer.put(said(ids[0], 1))

    assert gated.begun == 1
    assert await kept(gated.storage, ids) == [1, None, None]


async def test_nobody_is_told_before_the_commit(
    report: Reporting, gated: Gated, ids: list[str]
) -> None:
    gated.go.clear()
    task = report(ids[0], 1)
    await gated.has_begun(1)

    assert not task.done()
    assert await kept(gated.storage, ids) == [None] * 3

    gated.go.set()
    assert await task
    assert await kept(gated.storage, ids) == [1, None, None]


async def test_those_who_come_meanwhile_share_the_next_transaction(
    report: Reporting, gated: Gated, ids: list[str]
) -> None:
    gated.go.clear()
    first = report(ids[0], 1)
    await gated.has_begun(1)
    others = [report(id_, number) for number in range(2, 12) for id_ in ids]
    await asyncio.sleep(0)
    gated.go.set()

    assert await asyncio.gather(first, *others) == [True] * 31
    assert gated.begun == 2
    # Of those of one environment, the one that came last counts.
    assert await kept(gated.storage, ids) == [11, 11, 11]


async def test_a_transaction_takes_only_so_many(
    report: Reporting, gated: Gated, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_writer, "MOST_AT_ONCE", 4)

    assert all(await asyncio.gather(*(report(ids[0], number) for number in range(10))))

    assert gated.begun == 3
    assert await kept(gated.storage, ids) == [9, None, None]


async def test_one_of_no_environment_is_told_so_and_the_others_are_kept(
    report: Reporting, gated: Gated, ids: list[str]
) -> None:
    await remove_environment(gated.storage, ids[1])

    assert await asyncio.gather(*(report(id_, 5) for id_ in [*ids, "nobody"])) == [
        True, False, True, False,
    ]  # fmt: skip
    assert await kept(gated.storage, ids) == [5, None, 5]


async def test_whoever_has_left_is_not_written(
    report: Reporting, gated: Gated, ids: list[str]
) -> None:
    gated.go.clear()
    first = report(ids[0], 1)
    await gated.has_begun(1)
    left, stayed = report(ids[1], 2), report(ids[2], 3)
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0)
    gated.go.set()

    assert await asyncio.gather(first, stayed) == [True, True]
    assert await kept(gated.storage, ids) == [1, None, 3]


async def test_a_failure_is_told_to_all_who_shared_it_and_to_nobody_after(
    report: Reporting, gated: Gated, ids: list[str]
) -> None:
    gated.error = StorageError("the disk is full", full=True)
    failed = await asyncio.gather(*(report(id_, 1) for id_ in ids), return_exceptions=True)
    gated.error = None

    assert failed == [gated.error or failed[0]] * 3
    assert isinstance(failed[0], StorageError)
    assert failed[0].full
    assert await kept(gated.storage, ids) == [None] * 3
    assert await report(ids[0], 2)
    assert await kept(gated.storage, ids) == [2, None, None]


async def test_a_database_that_hangs_is_told_in_time(
    report: Reporting, gated: Gated, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_writer, "DEADLINE", 0.05)
    gated.go.clear()
    hanging = report(ids[0], 1)
    await gated.has_begun(1)
    waiting = report(ids[1], 2)

    for task in (hanging, waiting):
        with pytest.raises(StorageError, match="in time"):
            await task
    monkeypatch.setattr(report_writer, "DEADLINE", 10)
    gated.go.set()

    assert await report(ids[2], 3)
    assert await kept(gated.storage, ids) == [1, None, 3]


async def test_one_that_is_deleted_during_its_first_report_fails_nobody_else(
    report: Reporting, storage: Storage, ids: list[str]
) -> None:
    owner = await add_user(storage)
    for number in range(20):
        leaving = await put_environment(storage, owner.id)
        removed = asyncio.create_task(remove_environment(storage, leaving))
        answers = await asyncio.gather(
            *(report(id_, number) for id_ in [*ids, leaving]), return_exceptions=True
        )
        await removed

        assert answers[:3] == [True] * 3
        assert answers[3] in {True, False}
        assert await kept(storage, [*ids, leaving]) == [number, number, number, None]
