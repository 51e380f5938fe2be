"""Permissions on environments, from both sides."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from agentbox.core.environments.permissions import UserRef
from agentbox.core.paging import Asked, Found
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.access.roles import Permission
from agentbox.model.environments import Grant
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.environments import (
    GrantBody,
    GrantListOut,
    GrantOut,
    GrantsBody,
    PageQuery,
    PermissionBody,
    ShareBody,
    grant_out,
)


class PermissionHandlers:
    """/environments/{environment_id}/permissions and /users/{user_id}/permissions."""

    def __init__(self, runtime: Runtime) -> None:
        self._permissions = runtime.permissions

    async def on_environment(self, request: RouteRequest[None, PageQuery]) -> GrantListOut:
        """Who may do what with an environment."""
        return _list_out(
            await self._permissions.on_environment(
                request.principal, request.path["environment_id"], _asked(request.query)
            )
        )

    async def of_user(self, request: RouteRequest[None, PageQuery]) -> GrantListOut:
        """What a user may do with which environment."""
        return _list_out(
            await self._permissions.of_user(
                request.principal, request.path["user_id"], _asked(request.query)
            )
        )

    async def share(self, request: RouteRequest[ShareBody, None]) -> RouteResponse:
        """Give a permission on an environment to a user, by id or by name."""
        body = request.body
        if (body.user_id is UNSET) == (body.username is UNSET):
            fault = FieldFault("/user_id", "must be given, or username, one of the two")
            raise ValidationFailed(errors=[fault])
        grant = await self._permissions.give(
            request.principal,
            request.origin,
            request.path["environment_id"],
            UserRef(id=body.user_id or None, username=body.username or None),
            body.permission,
        )
        return _made(grant)

    async def give(self, request: RouteRequest[GrantBody, None]) -> RouteResponse:
        """Give a user a permission on an environment."""
        body = request.body
        grant = await self._permissions.give(
            request.principal,
            request.origin,
            body.environment_id,
            UserRef(id=request.path["user_id"]),
            body.permission,
        )
        return _made(grant)

    async def change(self, request: RouteRequest[PermissionBody, None]) -> GrantOut:
        """Another permission in place of the one there."""
        return grant_out(
            await self._permissions.change(
                request.principal,
                request.origin,
                request.path["environment_id"],
                request.path["user_id"],
                request.body.permission,
            )
        )

    async def take(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Take a permission away, or give up one's own."""
        await self._permissions.take(
            request.principal,
            request.origin,
            request.path["environment_id"],
            request.path["user_id"],
        )
        return RouteResponse(status=204)

    async def replace(self, request: RouteRequest[GrantsBody, None]) -> GrantListOut:
        """The whole list of a user at once, as far as the caller may administer it."""
        user_id = request.path["user_id"]
        wanted = _by_environment(request.body)
        await self._permissions.replace_of_user(request.principal, request.origin, user_id, wanted)
        asked = Asked(1000)
        return _list_out(await self._permissions.of_user(request.principal, user_id, asked))


def _by_environment(body: GrantsBody) -> Mapping[str, Permission]:
    wanted: dict[str, Permission] = {}
    faults = []
    for number, entry in enumerate(body.permissions):
        if entry.environment_id in wanted:
            faults.append(FieldFault(f"/permissions/{number}/environment_id", "is repeated"))
        wanted[entry.environment_id] = entry.permission
    if faults:
        raise ValidationFailed(errors=faults)
    return wanted


def _asked(query: PageQuery) -> Asked:
    return Asked(query.limit, query.offset, query.cursor)


def _list_out(found: Found[Grant]) -> GrantListOut:
    return GrantListOut(
        permissions=[grant_out(grant) for grant in found.rows],
        total=found.total,
        next_cursor=found.next_cursor,
    )


def _made(grant: Grant) -> RouteResponse:
    place = f"/api/v1/environments/{grant.environment_id}/permissions/{grant.user_id}"
    return RouteResponse(body=grant_out(grant), status=201, headers={"Location": place})
