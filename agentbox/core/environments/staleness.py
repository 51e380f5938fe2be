"""Whether environments that run have fallen silent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from agentbox.model.environments import Environment, EnvironmentStatus
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction


class Staleness:
    """Judges by what was reported last; one that never reported need not."""

    def __init__(self, clock: Clock, after: timedelta) -> None:
        self._clock = clock
        self._after = after

    async def among(self, tx: Transaction, environments: Iterable[Environment]) -> Collection[str]:
        """The ids of those that are to run and have been silent for too long; of at most 1000."""
        running = [each.id for each in environments if each.status is EnvironmentStatus.RUNNING]
        if not running:
            return ()
        since = self._clock.now() - self._after
        reports = await tx.reports.get(running)
        return {id_ for id_, report in reports.items() if report.reported_at < since}
