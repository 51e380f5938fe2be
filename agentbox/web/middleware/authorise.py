"""May this principal call this route."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agentbox.model.access import decisions
from agentbox.web.context import CONTEXT, Runtime


def authorise(runtime: Runtime) -> Middleware:
    """What the route's `access` asks is checked before anything is parsed or looked up.

    The rules and their order stand in `agentbox.model.access.decisions`: 403
    `password_change_required`, `insufficient_role`, `session_required`, `insufficient_scope`,
    `insufficient_user_authentication`. Public routes and unknown paths pass.
    """
    scopes = runtime.scopes

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        context = request[CONTEXT]
        principal = context.principal
        if principal is not None and context.endpoint is not None:
            decisions.authorise(
                context.endpoint.access,
                principal,
                request.match_info,
                scopes=scopes,
                now=principal.evaluated_at,
            )
        return await handler(request)

    return middleware
