"""What a process does about jobs, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentbox.core.background.jobs import Jobs
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.background.upkeep import FlushLastUsed, PurgeExpired, WriteRefusals
from agentbox.core.foundation import Foundation
from agentbox.plugin.job import Job


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What runs jobs in a server, and what tells of them everywhere."""

    scheduler: Scheduler
    jobs: Jobs


def make_scheduling(on: Foundation, further: Sequence[Job]) -> Scheduling:
    """Our own jobs and `further` ones; nothing runs before the scheduler is started."""
    services, place = on.services, on.settings.public_url
    jobs: list[Job] = [
        PurgeExpired(services.clock),
        FlushLastUsed(on.last_used),
        WriteRefusals(on.audit.refusals),
        *on.audit.jobs(),
        *further,
    ]
    scheduler = Scheduler(jobs, services.storage, services.clock, services.counters, place=place)
    return Scheduling(
        scheduler=scheduler,
        jobs=Jobs(
            jobs,
            here=lambda: scheduler.here,
            place=place,
            storage=services.storage,
            changes=on.changes,
            clock=services.clock,
            scopes=on.scopes,
        ),
    )
