"""The core's own jobs and the small loops of every process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock

_log = structlog.get_logger("agentbox.upkeep")


class PurgeExpired(Job):
    """Deletes sessions, unfinished logins and resets that expired: a day later, for who looks."""

    name = "purge-expired"
    interval = timedelta(hours=1)
    kept_for = timedelta(days=1)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, run: JobRun) -> None:
        """One transaction; how many are gone is logged."""
        before = self._clock.now() - self.kept_for
        async with run.transaction(last=True) as tx:
            sessions = await tx.sessions.purge(before)
            flows = await tx.login_flows.purge(before)
            resets = await tx.password_resets.purge(before)
        if sessions or flows or resets:
            _log.info("purged", sessions=sessions, login_flows=flows, password_resets=resets)


async def repeat(name: str, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
    """Await `step` every so many seconds, for ever: one that fails is logged, and tried again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await step()
        except StorageError as error:
            _log.warning("upkeep_failed", step=name, error=str(error))
        except Exception as error:  # noqa: BLE001  a defect; without this loop all would go stale
            _log.error("upkeep_failed", step=name, error=type(error).__name__, exc_info=error)
