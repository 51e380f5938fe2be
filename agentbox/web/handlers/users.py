"""Users."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from agentbox.core.paging import Asked
from agentbox.core.people.users import NewUser, UserEdit
from agentbox.core.runtime import Runtime
from agentbox.errors import FieldFault, ValidationFailed
from agentbox.model.secret import Secret
from agentbox.model.users import Status, UserFilter
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.users import (
    BulkBody,
    BulkOut,
    BulkResult,
    NewUserBody,
    OneUserOut,
    ResetOut,
    UserListOut,
    UserOut,
    UserPatchBody,
    UserPutBody,
    UserQuery,
    one_user_out,
    user_out,
)


class UserHandlers:
    """GET and POST /users; GET, PUT, PATCH and DELETE /users/{user_id}, and its actions."""

    def __init__(self, runtime: Runtime) -> None:
        self._users = runtime.users
        self._recovery = runtime.recovery
        self._linking = runtime.linking

    async def list(self, request: RouteRequest[None, UserQuery]) -> UserListOut:
        """Users, newest first."""
        query = request.query
        where = UserFilter(role=query.role, status=query.status, search=query.search)
        found = await self._users.list(where, Asked(query.limit, query.offset, query.cursor))
        return UserListOut(
            users=[user_out(user) for user in found.rows],
            total=found.total,
            next_cursor=found.next_cursor,
        )

    async def create(self, request: RouteRequest[NewUserBody, None]) -> RouteResponse:
        """A new user."""
        body = request.body
        user = await self._users.create(
            request.principal,
            request.origin,
            NewUser(
                username=body.username,
                email=body.email,
                password=None if body.password is UNSET else Secret(body.password),
                role=body.role,
                status=body.status,
            ),
        )
        location = {"Location": f"/api/v1/users/{user.id}"}
        return RouteResponse(body=user_out(user), status=201, headers=location)

    async def get(self, request: RouteRequest[None, None]) -> OneUserOut:
        """One user."""
        user = await self._users.get(request.path["user_id"])
        return one_user_out(user, await self._linking.of_user(user.id))

    async def patch(self, request: RouteRequest[UserPatchBody, None]) -> UserOut:
        """Change the fields sent."""
        return await self._edit(request, _edit(request.body))

    async def put(self, request: RouteRequest[UserPutBody, None]) -> UserOut:
        """Change the fields sent; takes another user's password too."""
        password = request.body.password
        secret = UNSET if password is UNSET else Secret(password)
        return await self._edit(request, _edit(request.body, password=secret))

    async def delete(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Remove a user with all that hangs on it."""
        await self._users.delete(request.principal, request.origin, request.path["user_id"])
        return RouteResponse(status=204)

    async def enable(self, request: RouteRequest[None, None]) -> UserOut:
        """Let a user sign in again."""
        return await self._switch(request, Status.ACTIVE)

    async def disable(self, request: RouteRequest[None, None]) -> UserOut:
        """Shut a user out."""
        return await self._switch(request, Status.INACTIVE)

    async def bulk(self, request: RouteRequest[BulkBody, None]) -> BulkOut:
        """Enable or disable several users, each judged alone."""
        ids = request.body.ids
        if twice := [at for at, user_id in enumerate(ids) if user_id in ids[:at]]:
            raise ValidationFailed(
                errors=[FieldFault(f"/ids/{at}", "is there twice") for at in twice]
            )
        status = Status.ACTIVE if request.body.action == "enable" else Status.INACTIVE
        switched = await self._users.switch_each(request.principal, request.origin, ids, status)
        return BulkOut(
            results=[
                BulkResult(id=each.user_id, ok=True)
                if each.refusal is None
                else BulkResult(id=each.user_id, ok=False, error=each.refusal.code)
                for each in switched
            ]
        )

    async def reset_password(self, request: RouteRequest[None, None]) -> RouteResponse:
        """Take a user's password away, for a secret that signs in once."""
        user_id = request.path["user_id"]
        issued = await self._recovery.reset(request.principal, request.origin, user_id)
        body = ResetOut(secret=issued.secret.reveal(), expires_at=issued.expires_at)
        return RouteResponse(body=body, status=201)

    async def unlock(self, request: RouteRequest[None, None]) -> UserOut:
        """Lift the throttling of a user's failed logins."""
        user_id = request.path["user_id"]
        return user_out(await self._recovery.unlock(request.principal, request.origin, user_id))

    async def _switch(self, request: RouteRequest[None, None], to: Status) -> UserOut:
        user_id = request.path["user_id"]
        return user_out(await self._users.switch(request.principal, request.origin, user_id, to))

    async def _edit(self, request: RouteRequest[Any, None], edit: UserEdit) -> UserOut:
        return user_out(
            await self._users.edit(request.principal, request.origin, request.path["user_id"], edit)
        )


def _edit(body: UserPatchBody, **more: Any) -> UserEdit:
    return UserEdit(
        username=body.username, email=body.email, role=body.role, status=body.status, **more
    )
