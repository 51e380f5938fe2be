"""Environments."""

from __future__ import annotations

from msgspec import UNSET

from agentbox.core.environments.environments import View
from agentbox.core.environments.fields import EnvironmentEdit, NewEnvironment
from agentbox.core.environments.reports import Said
from agentbox.core.paging import Asked, Found
from agentbox.core.runtime import Runtime
from agentbox.model.environments import EnvironmentFilter
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.environments import (
    EnvironmentListOut,
    EnvironmentOut,
    EnvironmentPatchBody,
    EnvironmentQuery,
    NewEnvironmentBody,
    PageQuery,
    ReportBody,
    environment_out,
    orchestration_of,
    resources_of,
)


class EnvironmentHandlers:
    """GET and POST /environments; GET, PATCH and DELETE of one, and its reports; those of a
    user."""

    def __init__(self, runtime: Runtime) -> None:
        self._environments = runtime.environments
        self._reports = runtime.reports

    async def list(self, request: RouteRequest[None, EnvironmentQuery]) -> EnvironmentListOut:
        """Those that the caller may see, newest first."""
        query = request.query
        where = EnvironmentFilter(
            status=query.status,
            user_id=query.user_id,
            search=query.search,
            label=_label(query.label) if query.label is not None else None,
        )
        asked = Asked(query.limit, query.offset, query.cursor)
        return _list_out(await self._environments.list(request.principal, where, asked))

    async def of_user(self, request: RouteRequest[None, PageQuery]) -> EnvironmentListOut:
        """Those on which a user was granted a permission."""
        query = request.query
        where = EnvironmentFilter(granted_to=request.path["user_id"])
        asked = Asked(query.limit, query.offset, query.cursor)
        return _list_out(await self._environments.list(request.principal, where, asked))

    async def create(self, request: RouteRequest[NewEnvironmentBody, None]) -> RouteResponse:
        """Register one."""
        body = request.body
        given = orchestration_of(body)
        made = await self._environments.create(
            request.principal,
            request.origin,
            NewEnvironment(
                name=body.name,
                image=body.image,
                resources=resources_of(body.resources),
                labels=body.labels,
                orchestration={name: value for name, value in given.items() if value is not None},
                status=body.status,
                user_id=body.user_id or None,
            ),
        )
        location = {"Location": f"/api/v1/environments/{made.environment.id}"}
        return RouteResponse(body=environment_out(made), status=201, headers=location)

    async def get(self, request: RouteRequest[None, None]) -> EnvironmentOut:
        """One of them."""
        return environment_out(
            await self._environments.get(request.principal, request.path["environment_id"])
        )

    async def patch(self, request: RouteRequest[EnvironmentPatchBody, None]) -> EnvironmentOut:
        """Change the fields sent."""
        body = request.body
        edit = EnvironmentEdit(
            name=body.name,
            image=body.image,
            resources=UNSET if body.resources is UNSET else resources_of(body.resources),
            labels=body.labels,
            status=body.status,
            orchestration=orchestration_of(body),
        )
        environment_id = request.path["environment_id"]
        return environment_out(
            await self._environments.edit(request.principal, request.origin, environment_id, edit)
        )

    async def report(self, request: RouteRequest[ReportBody, None]) -> RouteResponse:
        """Take what it says of itself."""
        body = request.body
        said = Said(
            status=body.status or None,
            started_at=body.started_at or None,
            cpu_millicores=None if body.cpu_millicores is UNSET else body.cpu_millicores,
            memory_bytes=None if body.memory_bytes is UNSET else body.memory_bytes,
            sandboxes=None if body.sandboxes is UNSET else body.sandboxes,
        )
        environment_id = request.path["environment_id"]
        await self._reports.take(request.principal, request.origin, environment_id, said)
        return RouteResponse(status=204)

    async def delete(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Remove it with all permissions on it."""
        environment_id = request.path["environment_id"]
        await self._environments.delete(request.principal, request.origin, environment_id)
        return RouteResponse(status=204)


def _label(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name, value


def _list_out(found: Found[View]) -> EnvironmentListOut:
    return EnvironmentListOut(
        environments=[environment_out(view) for view in found.rows],
        total=found.total,
        next_cursor=found.next_cursor,
    )
