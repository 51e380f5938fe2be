"""What runs on a schedule."""

from __future__ import annotations

from agentbox.core.runtime import Runtime
from agentbox.plugin.routes import RouteRequest
from agentbox.web.handlers.shapes.jobs import JobListOut, JobOut, job_list_out, job_out


class JobHandlers:
    """GET /system/jobs, POST /system/jobs/{job}/run."""

    def __init__(self, runtime: Runtime) -> None:
        self._jobs = runtime.jobs

    async def list(self, request: RouteRequest[None, None]) -> JobListOut:
        """All jobs and what became of their last runs."""
        return job_list_out(await self._jobs.list(request.principal))

    async def run(self, request: RouteRequest[None, None]) -> JobOut:
        """A run was asked for; the job as it is now."""
        name = request.path["job"]
        return job_out(await self._jobs.run(request.principal, request.origin, name))
