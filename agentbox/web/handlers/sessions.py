"""Sessions: one's own, and those of other users."""

from __future__ import annotations

from agentbox.core.paging import Asked
from agentbox.core.runtime import Runtime
from agentbox.plugin.routes import RouteRequest, RouteResponse
from agentbox.web.handlers.shapes.sessions import SessionListOut, SessionQuery, session_list_out


class SessionHandlers:
    """GET and DELETE /auth/sessions and /users/{user_id}/sessions; DELETE /auth/sessions/{…}."""

    def __init__(self, runtime: Runtime) -> None:
        self._sessions = runtime.sessions

    async def list_own(self, request: RouteRequest[None, SessionQuery]) -> SessionListOut:
        """The caller's sessions, newest first."""
        caller = request.principal
        return session_list_out(
            await self._sessions.list_own(caller, _asked(request.query)), caller
        )

    async def end_own(self, request: RouteRequest[None, None]) -> RouteResponse:
        """End one of them."""
        session_id = request.path["session_id"]
        await self._sessions.end_own(request.principal, request.origin, session_id)
        return RouteResponse(status=204)

    async def end_others(self, request: RouteRequest[None, None]) -> RouteResponse:
        """End all of them but this one."""
        await self._sessions.end_others(request.principal, request.origin)
        return RouteResponse(status=204)

    async def list_of(self, request: RouteRequest[None, SessionQuery]) -> SessionListOut:
        """A user's sessions, newest first."""
        caller, user_id = request.principal, request.path["user_id"]
        return session_list_out(
            await self._sessions.list_of(caller, user_id, _asked(request.query)), caller
        )

    async def end_all_of(self, request: RouteRequest[None, None]) -> RouteResponse:
        """End all of a user's sessions."""
        user_id = request.path["user_id"]
        await self._sessions.end_all_of(request.principal, request.origin, user_id)
        return RouteResponse(status=204)


def _asked(query: SessionQuery) -> Asked:
    return Asked(query.limit, query.offset, query.cursor)
