"""Sessions."""

from __future__ import annotations

from agentbox.errors import (
    InsufficientRank,
    InvalidCursor,
    NotFound,
    SelfForbidden,
    SessionRequired,
    StorageFull,
)
from agentbox.model.access.route import SESSION, scoped
from agentbox.model.access.scopes import USERS_CREDENTIALS
from agentbox.plugin.routes import Route
from agentbox.web.handlers.sessions import SessionHandlers
from agentbox.web.handlers.shapes import sessions as shapes
from agentbox.web.routes.place import API


def session_routes(sessions: SessionHandlers) -> list[Route]:
    """Rows under /auth/sessions and /users/{user_id}/sessions."""
    return [*_own(sessions), *_of_a_user(sessions)]


def _own(sessions: SessionHandlers) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{API}/auth/sessions",
            access=SESSION,
            handler=sessions.list_own,
            summary="List your own sessions",
            query=shapes.SessionQuery,
            response=shapes.SessionListOut,
            errors=(SessionRequired, InvalidCursor),
            tag="sessions",
        ),
        Route(
            method="DELETE",
            path=f"{API}/auth/sessions",
            access=SESSION,
            handler=sessions.end_others,
            summary="End all of your own sessions but this one",
            status=204,
            errors=(SessionRequired, StorageFull),
            tag="sessions",
        ),
        Route(
            method="DELETE",
            path=f"{API}/auth/sessions/{{session_id}}",
            access=SESSION,
            handler=sessions.end_own,
            summary="End one of your own sessions",
            status=204,
            errors=(SessionRequired, NotFound, StorageFull),
            tag="sessions",
        ),
    ]


def _of_a_user(sessions: SessionHandlers) -> list[Route]:
    path = f"{API}/users/{{user_id}}/sessions"
    return [
        Route(
            method="GET",
            path=path,
            access=scoped(USERS_CREDENTIALS),
            handler=sessions.list_of,
            summary="List a user's sessions",
            query=shapes.SessionQuery,
            response=shapes.SessionListOut,
            errors=(NotFound, InsufficientRank, SessionRequired, InvalidCursor),
            tag="sessions",
        ),
        Route(
            method="DELETE",
            path=path,
            access=scoped(USERS_CREDENTIALS),
            handler=sessions.end_all_of,
            summary="End all of another user's sessions",
            status=204,
            errors=(NotFound, InsufficientRank, SelfForbidden, StorageFull),
            tag="sessions",
        ),
    ]
