"""Jobs as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from agentbox.core.background.jobs import JobView


class JobOut(Struct, frozen=True, kw_only=True):
    """A job. `interval` is in seconds, `cron` in UTC; a job has one of the two.

    `last_outcome` is ok, failed, timeout, cancelled, or lost for a run whose process died;
    `last_process` the host and the process id of who began the last run.
    """

    name: str
    schedule: str
    interval: float | UnsetType = UNSET
    cron: str | UnsetType = UNSET
    everywhere: bool
    next_due: datetime | UnsetType = UNSET
    running: bool
    asked_at: datetime | UnsetType = UNSET
    last_started: datetime | UnsetType = UNSET
    last_finished: datetime | UnsetType = UNSET
    last_outcome: str | UnsetType = UNSET
    last_process: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class JobListOut(Struct, frozen=True, kw_only=True):
    """All jobs, by name."""

    jobs: list[JobOut]
    total: int


def job_out(view: JobView) -> JobOut:
    """A job as clients see it."""
    return JobOut(
        name=view.name,
        schedule=view.schedule,
        interval=UNSET if view.interval is None else view.interval.total_seconds(),
        cron=view.cron or UNSET,
        everywhere=view.everywhere,
        next_due=view.next_due or UNSET,
        running=view.running,
        asked_at=view.asked_at or UNSET,
        last_started=view.last_started or UNSET,
        last_finished=view.last_finished or UNSET,
        last_outcome=view.last_outcome or UNSET,
        last_process=view.last_process or UNSET,
        description=view.description or UNSET,
    )


def job_list_out(views: Sequence[JobView]) -> JobListOut:
    """All of them."""
    return JobListOut(jobs=[job_out(view) for view in views], total=len(views))
