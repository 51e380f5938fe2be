"""Whether environments that run have fallen silent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from agentbox.model.environments import Environment, EnvironmentReport, EnvironmentStatus
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction


class Staleness:
    """Judges by when it last reported or was started; one that never reported need not."""

    def __init__(self, clock: Clock, after: timedelta) -> None:
        self._clock = clock
        self._after = after

    async def among(self, tx: Transaction, environments: Iterable[Environment]) -> Collection[str]:
        """The ids of those that are to run and have been silent for too long; of at most 1000."""
        since = self._clock.now() - self._after
        running = [each.id for each in environments if _runs_since_before(each, since)]
        if not running:
            return ()
        reports = await tx.reports.get(running)
        return {id_ for id_, report in reports.items() if report.reported_at < since}


def is_stale(environment: Environment, report: EnvironmentReport | None, since: datetime) -> bool:
    """Whether it is to run, has reported, and was silent since then at the latest."""
    return (
        report is not None and report.reported_at < since and _runs_since_before(environment, since)
    )


def _runs_since_before(environment: Environment, time: datetime) -> bool:
    if environment.status is not EnvironmentStatus.RUNNING:
        return False
    return environment.started_at is None or environment.started_at < time
