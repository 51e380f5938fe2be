"""What a process does about jobs, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentbox.core.background.expiry import PurgeExpired, expiring
from agentbox.core.background.jobs import Jobs
from agentbox.core.background.scheduler import Scheduler
from agentbox.core.background.upkeep import FlushLastUsed, WriteRefusals
from agentbox.core.foundation import Foundation, make_signing_keys
from agentbox.core.signing import RotateKeys
from agentbox.plugin.job import Job
from agentbox.plugin.migrations import MigrationFolder


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What runs jobs in a server, and what tells of them everywhere."""

    scheduler: Scheduler
    jobs: Jobs


def make_scheduling(
    on: Foundation, further: Sequence[Job], folders: Sequence[MigrationFolder]
) -> Scheduling:
    """Our own jobs and `further` ones; nothing runs before the scheduler is started.

    Rows of plugins' tables are deleted as the `folders` of their migrations say.
    """
    services, place = on.services, on.settings.public_url
    jobs: list[Job] = [
        FlushLastUsed(on.last_used),
        WriteRefusals(on.audit.refusals),
        *on.audit.jobs(),
        *_rotation(on),
        *further,
    ]
    jobs.append(PurgeExpired(services.clock, expiring(folders), tuple(jobs)))
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


def _rotation(on: Foundation) -> Sequence[Job]:
    issuer = on.abilities.issuer
    every = None if issuer is None else issuer.opened.rotate_every
    if every is None:
        return []
    return [RotateKeys(make_signing_keys(on), every, on.services.storage)]
