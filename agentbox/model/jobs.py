"""The state of a job, one row each."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

Outcome = Literal["ok", "failed", "timeout", "cancelled", "lost"]
"""How a run ended. `lost` is one whose process died, or was too slow to say that it lived."""


class JobState(Struct, frozen=True, kw_only=True):
    """When a job is due next, who may run it until when, and the fence of the last claim.

    `asked_at` is when somebody asked for a run that has not ended. `last_started` is of the last
    claim, by the process `last_process`; the end is of the last run that said how it ended, which
    is an earlier one while a run goes on, or after a process has died.
    """

    name: str
    next_due: datetime
    lease_until: datetime | None
    fence: int
    asked_at: datetime | None = None
    last_started: datetime | None = None
    last_finished: datetime | None = None
    last_outcome: str | None = None
    last_process: str | None = None

    def is_leased(self, now: datetime) -> bool:
        """Whether a process has the job and has said lately that it lives."""
        return self.lease_until is not None and now < self.lease_until


class Lease(Struct, frozen=True):
    """A claim on one run of a job; a transaction under it fails once another claim was made."""

    name: str
    fence: int
