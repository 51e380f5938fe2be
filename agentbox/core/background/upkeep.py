"""The core's own jobs and the small loops of every process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from agentbox.core.guesses import BLOCKS_REMEMBERED, KNOWN_FOR
from agentbox.errors import StorageError
from agentbox.plugin.job import Job, JobRun
from agentbox.plugin.services import Clock

_log = structlog.get_logger("agentbox.upkeep")


class PurgeExpired(Job):
    """Deletes what is over, a day later for those who look: sessions, unfinished logins and
    password resets that expired; how often API keys were used, after 90 days; guesses at passwords
    and uses of limited API keys that count no more."""

    name = "purge-expired"
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
