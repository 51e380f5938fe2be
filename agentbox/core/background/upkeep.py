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
    """Await `step` every so many seconds, for ever: one that fails is logged, and tried again."""
    while True:
        await asyncio.sleep(seconds)
        await once(name, step)


async def once(name: str, step: Callable[[], Awaitable[object]]) -> None:
    """Await `step`; that it fails is logged, and stops nothing that comes after."""
    try:
        await step()
    except StorageError as error:
        _log.warning("upkeep_failed", step=name, error=str(error))
    except Exception as error:  # noqa: BLE001  a defect; without this loop all would go stale
        _log.error("upkeep_failed", step=name, error=type(error).__name__, exc_info=error)
