"""What is wrong with when a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from agentbox.loader.isolation import shown
from agentbox.model.formats.cron import next_after
from agentbox.plugin.job import Job

_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_NONE = timedelta(0)


def schedule_faults(job: Job) -> Iterator[str]:
    """Sentences that go on after `the job … has `; none for a job that can be run."""
    interval, cron, jitter = job.interval, job.cron, job.jitter
    if cron is None and not _is_positive(interval):
        yield f"interval={shown(interval)}. Give a positive timedelta, or state cron."
    elif cron is not None and interval is not None:
        yield f"interval={shown(interval)} and cron={shown(cron)}. State one of them."
    elif cron is not None and (fault := _cron_fault(cron)) is not None:
        yield f"cron={shown(cron)}: {fault}. Give five fields as cron has them, in UTC."
    if not _is_positive(job.timeout):
        yield f"timeout={shown(job.timeout)}. Give a positive timedelta."
    if not isinstance(jitter, timedelta) or jitter < _NONE:
        yield f"jitter={shown(jitter)}. Give a timedelta that is not negative."
    elif isinstance(interval, timedelta) and jitter >= interval > _NONE:
        yield f"jitter={shown(jitter)}. Give less than its interval, {shown(interval)}."
    for name in ("everywhere", "run_missed"):
        if not isinstance(getattr(job, name), bool):
            yield f"{name}={shown(getattr(job, name))}. Give True or False."
    if job.everywhere is True and job.run_missed is True:
        yield "everywhere=True and run_missed=True. Nobody knows which of its runs were missed."
    if not isinstance(job.description, str):
        yield f"description={shown(job.description)}. Give a text."


def _is_positive(value: object) -> bool:
    return isinstance(value, timedelta) and value > _NONE


def _cron_fault(cron: object) -> str | None:
    if not isinstance(cron, str):
        return "that is no text"
    try:
        next_after(cron, _ANY_DAY)
    except ValueError as error:
        return str(error)
    return None
