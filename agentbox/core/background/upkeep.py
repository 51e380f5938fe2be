"""The core's own jobs and the small loops of every process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from agentbox.core.audit.refusals import Refusals
from agentbox.core.recognition.last_used import LastUsed
from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun

_log = structlog.get_logger("agentbox.upkeep")


class FlushLastUsed(Job):
    """Writes down when keys, sessions and links were used last, and how often keys were."""

    name = "flush-last-used"
    description = "Writes down when API keys and sessions were used last."
    interval = timedelta(seconds=1)
    everywhere = True

    def __init__(self, last_used: LastUsed) -> None:
        self._last_used = last_used

    async def run(self, run: JobRun) -> None:
        """What was used since the last run."""
        await self._last_used.flush()


class WriteRefusals(Job):
    """Writes down which requests were refused."""

    name = "write-refusals"
    description = "Writes down in the audit what was refused."
    interval = timedelta(seconds=1)
    everywhere = True

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    async def run(self, run: JobRun) -> None:
        """What was refused since the last run."""
        await self._refusals.flush()


async def repeat(name: str, seconds: float, step: Callable[[], Awaitable[object]]) -> None:
    """Await `step` every so many seconds, for ever: one that fails is tried again. That is logged
    when it begins, and when it has ended."""
    failed: str | None = None
    while True:
        await asyncio.sleep(seconds)
        before, failed = failed, await once(name, step, failed)
        if before is not None and failed is None:
            _log.info("upkeep_works_again", step=name)


async def once(
    name: str, step: Callable[[], Awaitable[object]], known: str | None = None
) -> str | None:
    """Await `step`. That it fails stops nothing that comes after, and is logged, but not if it
    fails as is `known`. Gives the class of what it raised, if it did."""
    try:
        await step()
    except Exception as error:  # noqa: BLE001  a defect; without this loop all would go stale
        failed = type(error).__name__
        if failed == known:
            return failed
        if isinstance(error, StorageError):
            _log.warning("upkeep_failed", step=name, error=str(error))
        else:
            _log.error("upkeep_failed", step=name, error=failed, exc_info=error)
        return failed
    return None
