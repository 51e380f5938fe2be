"""A job: notes, once, when this server ran it first."""

from __future__ import annotations

from datetime import timedelta

from agentbox.plugin import Job, JobRun

OPENING_DAY = "example:opening-day"


class NoteOpeningDay(Job):
    """Runs every second, so that one sees it run; writes only the first time."""

    name = "example-opening-day"
    interval = timedelta(seconds=1)

    async def run(self, run: JobRun) -> None:
        """The one transaction is the last: what it writes and that the run is done go together."""
        async with run.transaction(last=True) as tx:
            await tx.markers.claim(OPENING_DAY, run.due.isoformat())
