"""The core's own jobs and the small loops of every process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from agentbox.core.audit.refusals import Refusals
from agentbox.core.guesses import BLOCKS_REMEMBERED, KNOWN_FOR
from agentbox.core.recognition.last_used import LastUsed
from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock

_log = structlog.get_logger("agentbox.upkeep")


class PurgeExpired(Job):
    """Deletes what is over, a day later for those who look: sessions, unfinished logins and
    password resets that expired; how often API keys were used, after 90 days; guesses at passwords
    and uses of limited API keys that count no more."""

    name = "purge-expired"
    description = "Deletes what is over: sessions, sign-ins, secrets, counts and guesses."
    run_missed = True
    interval = timedelta(hours=1)
    kept_for = timedelta(days=1)
    usage_kept_for = timedelta(days=90)
    rates_kept_for = timedelta(days=2)  # no rate has a period of more than one

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, run: JobRun) -> None:
        """One transaction; how many are gone is logged."""
        now = self._clock.now()
        before = now - self.kept_for
        async with run.transaction(last=True) as tx:
            sessions = await tx.sessions.purge(before)
            flows = await tx.login_flows.purge(before)
            resets = await tx.password_resets.purge(before)
            hours = await tx.api_key_usage.purge(now - self.usage_kept_for)
            rates = await tx.api_key_rates.purge(now - self.rates_kept_for)
            guesses = await tx.throttles.purge(now, now - BLOCKS_REMEMBERED, now - KNOWN_FOR)
        if sessions or flows or resets or hours or rates or guesses:
            _log.info(
                "purged",
                sessions=sessions,
                login_flows=flows,
                password_resets=resets,
                api_key_usage=hours,
                api_key_rates=rates,
                guesses=guesses,
            )


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
