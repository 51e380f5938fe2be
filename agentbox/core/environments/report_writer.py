"""Writes reports: those that come while others are written share the next transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from agentbox.errors import StorageError
from agentbox.model.environments import EnvironmentReport
from agentbox.plugin.storage import Storage

MOST_AT_ONCE: Final = 100
"""Reports in one transaction: some milliseconds, in which a login waits for its turn to write."""

DEADLINE: Final = 2.0
"""Seconds from being given a report until whoever gave it is told that it was not written."""


class _Turn(NamedTuple):
    report: EnvironmentReport
    kept: asyncio.Future[bool]


class ReportWriter:
    """One transaction at a time, however many report.

    Without load a report is written alone and at once. Under load each waits for one commit at
    most before its own, and everybody else who writes has one rival instead of hundreds.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: list[_Turn] = []
        self._due = False
        self._writing: asyncio.Task[set[str]] | None = None

    async def put(self, report: EnvironmentReport) -> bool:
        """Whether it is kept, once that is committed; False if there is no such environment.

        Raises `StorageError`, after `DEADLINE` too; then nobody knows whether it will be kept.
        """
        loop = asyncio.get_running_loop()
        turn = _Turn(report, loop.create_future())
        self._waiting.append(turn)
        if not self._due and self._writing is None:
            # Not before the loop's turn is over: others may report in it.
            self._due = True
            loop.call_soon(self._begin)
        try:
            async with asyncio.timeout(DEADLINE):
                return await turn.kept
        except TimeoutError:
            raise StorageError("the report could not be written in time") from None

    def _begin(self) -> None:
        self._due = False
        # Whoever has left was not answered, and is not written either.
        there = [turn for turn in self._waiting if not turn.kept.done()]
        batch, self._waiting = there[:MOST_AT_ONCE], there[MOST_AT_ONCE:]
        if batch:
            # In one order for all processes, so that no two batches wait for each other's rows.
            batch.sort(key=lambda turn: turn.report.environment_id)
            reports = [turn.report for turn in batch]
            self._writing = asyncio.get_running_loop().create_task(self._written(reports))
            self._writing.add_done_callback(partial(self._answer, batch))

    def _answer(self, batch: Sequence[_Turn], task: asyncio.Task[set[str]]) -> None:
        self._writing = None
        self._begin()
        if task.cancelled():
            error: BaseException | None = StorageError("the writing was given up")
        else:
            error = task.exception()
        gone = task.result() if error is None else set()
        for turn in batch:
            if turn.kept.done():  # whoever asked has left
                continue
            if error is None:
                turn.kept.set_result(turn.report.environment_id not in gone)
            else:
                turn.kept.set_exception(error)

    async def _written(self, reports: Sequence[EnvironmentReport]) -> set[str]:
        """Write them; the ids of the environments that are not there."""
        try:
            return await self._put(reports)
        except StorageError:
            # One that is deleted while its first report is written fails those beside it as well.
            gone = await self._gone(reports)
            if not gone:
                raise
        return gone | await self._put([each for each in reports if each.environment_id not in gone])

    async def _put(self, reports: Sequence[EnvironmentReport]) -> set[str]:
        if not reports:
            return set()
        ids = {each.environment_id for each in reports}
        async with self._storage.transaction() as tx:
            if len(reports) == 1:
                return set() if await tx.reports.put(reports[0]) else ids
            return ids - set(await tx.reports.put_all(reports))

    async def _gone(self, reports: Sequence[EnvironmentReport]) -> set[str]:
        ids = {each.environment_id for each in reports}
        async with self._storage.transaction(read_only=True, single=True) as tx:
            return ids - set(await tx.environments.granted(sorted(ids), ""))
