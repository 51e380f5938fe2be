"""The state of a job, one row each."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class JobState(Struct, frozen=True, kw_only=True):
    """When a job is due next, who may run it until when, and the fence of the last claim."""

    name: str
    next_due: datetime
    lease_until: datetime | None
    fence: int


class Lease(Struct, frozen=True):
    """A claim on one run of a job; a transaction under it fails once another claim was made."""

    name: str
    fence: int
