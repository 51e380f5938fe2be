"""When a job runs: pure functions of its schedule and the time."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from agentbox.model.formats.cron import next_after
from agentbox.plugin.job import Job

LATE = timedelta(minutes=1)
"""How late a run may begin and is not missed: a restart, or the loss of a process."""

AHEAD = timedelta(seconds=5)
"""More than the clocks of two processes differ. A time that was written down by a clock which was
ahead is told by being later than it could be if it were so much later now."""

_ONE = 2**64


def first_tick(job: Job, now: datetime) -> datetime:
    """When a job runs that has never run."""
    if job.cron is not None:
        return next_after(job.cron, now)
    return now + _interval(job)


def next_tick(due: datetime, job: Job, now: datetime) -> datetime:
    """The first time of the job after `now` and after `due`; what was missed is not made up for."""
    if job.cron is not None:
        return next_after(job.cron, max(due, now))
    interval = _interval(job)
    missed = max((now - due) // interval, 0)
    return due + (missed + 1) * interval


def begins_at(job: Job, tick: datetime, place: str) -> datetime:
    """When the run of `tick` begins, with the job's jitter.

    It is the same for all processes of one deployment, which `place` names, and another in each
    deployment and for each tick.
    """
    if not job.jitter:
        return tick
    digest = blake2b(f"{place}\n{job.name}\n{tick.isoformat()}".encode(), digest_size=8).digest()
    return tick + job.jitter * (int.from_bytes(digest, "big") / _ONE)


def realigned(job: Job, due: datetime, now: datetime) -> datetime:
    """A date that was written down by a process with another schedule of this job, as it should be;
    `due` itself where it fits."""
    tick = first_tick(job, now)
    if job.cron is not None:
        return tick if due > now else due
    return min(due, tick)


def shown(job: Job) -> str:
    """The schedule in words."""
    when = f"cron {job.cron}" if job.cron is not None else f"every {shown_span(_interval(job))}"
    later = f", up to {shown_span(job.jitter)} later" if job.jitter else ""
    return when + later


def shown_span(span: timedelta) -> str:
    """`1d 12h`, `90ms`: a length of time, to the millisecond."""
    left = round(span.total_seconds() * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def _interval(job: Job) -> timedelta:
    if job.interval is None:
        raise ValueError(f"the job {job.name} has neither an interval nor cron")
    return job.interval
