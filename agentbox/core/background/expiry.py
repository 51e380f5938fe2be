"""The job that deletes what is over, some rows at a time, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from agentbox.core.guesses import BLOCKS_REMEMBERED, KNOWN_FOR
from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.migrations import MigrationFolder
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction

AT_ONCE = 500
"""Rows of a plugin's table that are deleted in one transaction."""

Purge = Callable[[Transaction], Awaitable[int]]
"""Deletes some rows; how many, and 0 once there are none."""

_log = structlog.get_logger("agentbox.upkeep")


class Expiring(Struct, frozen=True, kw_only=True):
    """A table of a plugin, and how long its rows are kept by the time in `column`."""

    plugin: str
    table: str
    column: str
    kept: timedelta


def expiring(folders: Sequence[MigrationFolder]) -> Sequence[Expiring]:
    """What the plugins have declared."""
    return [
        Expiring(plugin=folder.plugin, table=table, column=column, kept=kept)
        for folder in folders
        for table, (column, kept) in folder.retention.items()
    ]


class PurgeExpired(Job):
    """Deletes what is over, a day later for those who look: sessions, unfinished logins and
    password resets that expired, and signing keys that verify nothing any more; how often API keys
    were used, after 90 days; guesses at passwords and uses of limited API keys that count no more;
    rows of jobs that are none of `jobs`, 90 days after they were due, begun or held last; and rows
    of plugins' tables, as they say."""

    name = "purge-expired"
    description = "Deletes what is over: sessions, sign-ins, secrets, counts, rows of plugins."
    run_missed = True
    interval = timedelta(hours=1)
    timeout = timedelta(minutes=15)
    kept_for = timedelta(days=1)
    usage_kept_for = timedelta(days=90)
    rates_kept_for = timedelta(days=2)  # no rate has a period of more than one
    jobs_kept_for = timedelta(days=90)  # counted from when they were due, be it once a year

    def __init__(
        self, clock: Clock, tables: Sequence[Expiring] = (), jobs: Sequence[Job] = ()
    ) -> None:
        self._clock = clock
        self._tables = tables
        self._jobs = {self.name, *(job.name for job in jobs if not job.everywhere)}

    async def run(self, run: JobRun) -> None:
        """Small transactions until there is nothing left; how many are gone is logged.

        A plugin's table that can't be purged stops no other; then the run has failed.
        """
        now = self._clock.now()
        gone: dict[str, int] = {}
        for name, purge in self._own(now):
            gone[name] = await self._all(run, purge)
        failed = [each.table for each in self._tables if not await self._of_plugin(each, run, gone)]
        if any(gone.values()):
            _log.info("purged", **gone)
        if failed:
            raise StorageError(f"rows of {', '.join(failed)} could not be deleted")

    def _own(self, now: datetime) -> Iterator[tuple[str, Purge]]:
        before = now - self.kept_for
        yield "sessions", lambda tx: tx.sessions.purge(before)
        yield "login_flows", lambda tx: tx.login_flows.purge(before)
        yield "password_resets", lambda tx: tx.password_resets.purge(before)
        yield "signing_keys", lambda tx: tx.signing_keys.purge(before)
        yield "api_key_usage", lambda tx: tx.api_key_usage.purge(now - self.usage_kept_for)
        yield "api_key_rates", lambda tx: tx.api_key_rates.purge(now - self.rates_kept_for)
        blocks, known = now - BLOCKS_REMEMBERED, now - KNOWN_FOR
        yield "guesses", lambda tx: tx.throttles.purge(now, blocks, known)
        yield "jobs", lambda tx: self._of_jobs(tx, now - self.jobs_kept_for)

    async def _of_jobs(self, tx: Transaction, before: datetime) -> int:
        """Rows that are left of plugins which were removed.

        One of this program stays, however long ago it was due: a job that looks first is due for as
        long as there is nothing to do.
        """
        others = [each.name for each in await tx.jobs.list() if each.name not in self._jobs]
        return sum([await tx.jobs.forget(name, before) for name in others])

    async def _of_plugin(self, each: Expiring, run: JobRun, gone: dict[str, int]) -> bool:
        before = self._clock.now() - each.kept

        async def purge(tx: Transaction) -> int:
            return await tx.delete_older(each.table, each.column, before, AT_ONCE)

        try:
            gone[each.table] = await self._all(run, purge)
        except StorageError as error:
            _log.error("not_purged", plugin=each.plugin, table=each.table, error=str(error))
            return False
        return True

    async def _all(self, run: JobRun, purge: Purge) -> int:
        """Leaves at least half of the time to whoever else waits to write."""
        gone = 0
        while True:
            began = self._clock.monotonic()
            async with run.transaction() as tx:
                some = await purge(tx)
            if not some:
                return gone
            gone += some
            await asyncio.sleep(self._clock.monotonic() - began)
