"""Sessions, as clients get them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from agentbox.core.paging import Found
from agentbox.model.principal import Principal
from agentbox.model.sessions import Session
from agentbox.web.handlers.shapes.fields import Cursor, Limit, Offset


class SessionOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A live session: one sign-in. `current` is the one that asks."""

    id: str
    created_at: datetime
    last_used: datetime
    expires_at: datetime
    authenticator: str
    current: bool
    ip: str | None = None
    user_agent: str | None = None


class SessionQuery(Struct, frozen=True, kw_only=True):
    """Which page of a list of sessions."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: Cursor | None = None
    sort: Literal["-created_at"] = "-created_at"


class SessionListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of live sessions, newest first, and how many there are in all."""

    sessions: list[SessionOut]
    total: int
    next_cursor: str | None = None


def session_list_out(found: Found[Session], caller: Principal) -> SessionListOut:
    """A page as `caller` sees it."""
    return SessionListOut(
        sessions=[_session_out(session, caller) for session in found.rows],
        total=found.total,
        next_cursor=found.next_cursor,
    )


def _session_out(session: Session, caller: Principal) -> SessionOut:
    return SessionOut(
        id=session.id,
        created_at=session.created_at,
        last_used=session.last_used or session.created_at,
        expires_at=session.expires_at,
        authenticator=session.authenticator_id,
        current=session.id == caller.session_id,
        ip=session.ip,
        user_agent=session.user_agent,
    )
