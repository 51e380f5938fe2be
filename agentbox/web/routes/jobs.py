"""Jobs."""

from __future__ import annotations

from agentbox.errors import Conflict, NotFound, StorageFull
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import SYSTEM_READ, SYSTEM_WRITE
from agentbox.plugin.routes import Route
from agentbox.web.handlers.jobs import JobHandlers
from agentbox.web.handlers.shapes import jobs as shapes
from agentbox.web.routes.place import API


def job_routes(jobs: JobHandlers) -> list[Route]:
    """Rows under /system/jobs."""
    return [
        Route(
            method="GET",
            path=f"{API}/system/jobs",
            access=scoped(SYSTEM_READ),
            handler=jobs.list,
            summary="List jobs and what became of their last runs",
            response=shapes.JobListOut,
            tag="system",
        ),
        Route(
            method="POST",
            path=f"{API}/system/jobs/{{job}}/run",
            access=scoped(SYSTEM_WRITE),
            handler=jobs.run,
            summary="Run a job now",
            response=shapes.JobOut,
            status=202,
            errors=(NotFound, Conflict, StorageFull),
            tag="system",
        ),
    ]
