"""The audit, as clients get it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from agentbox.core.audit.reading import TrailPage
from agentbox.model.audit import AuditEvent
from agentbox.web.handlers.shapes.api_keys import Moment
from agentbox.web.handlers.shapes.fields import Cursor, Limit

Name = Annotated[str, Meta(min_length=1, max_length=160)]


class AuditEventOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: who did what to whom, when, from where, and with what result."""

    id: str
    time: datetime
    event: str
    result: str
    actor: str | None = None
    target: str | None = None
    address: str | None = None
    request_id: str | None = None
    details: Mapping[str, str | int | bool | None] = {}


class AuditQuery(Struct, frozen=True, kw_only=True):
    """Which rows: all that is given must be so; from `start` on, before `end`."""

    actor: Name | None = None
    target: Name | None = None
    event: Name | None = None
    result: Literal["ok", "denied"] | None = None
    start: Moment | None = None
    end: Moment | None = None
    limit: Limit = 1000
    cursor: Cursor | None = None


class AuditListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of the audit, newest first."""

    events: list[AuditEventOut]
    next_cursor: str | None = None


def audit_list_out(page: TrailPage) -> AuditListOut:
    """A page as clients get it."""
    return AuditListOut(
        events=[audit_event_out(event) for event in page.events], next_cursor=page.next_cursor
    )


def audit_event_out(event: AuditEvent) -> AuditEventOut:
    """A row as clients get it."""
    return AuditEventOut(
        id=event.id,
        time=event.time,
        event=event.event,
        result=event.result,
        actor=event.actor,
        target=event.target,
        address=event.address,
        request_id=event.request_id,
        details=event.details,
    )
