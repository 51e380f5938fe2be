"""Questions about rights."""

from __future__ import annotations

from agentbox.model.access.route import ANY, Access
from agentbox.plugin.routes import Route
from agentbox.web.handlers.access import AccessHandlers
from agentbox.web.handlers.shapes import access as shapes
from agentbox.web.routes.place import API


def access_routes(access: AccessHandlers) -> list[Route]:
    """POST /authorize and GET /scopes."""
    return [
        Route(
            method="POST",
            path=f"{API}/authorize",
            access=Access(kind="any", allow_restricted=True),
            handler=access.authorize,
            summary="Whether this credential may do something",
            body=shapes.AuthorizeBody,
            response=shapes.AuthorizeOut,
            tag="access",
        ),
        Route(
            method="GET",
            path=f"{API}/scopes",
            access=ANY,
            handler=access.scopes,
            summary="List all scopes",
            response=shapes.ScopeListOut,
            tag="access",
        ),
    ]
