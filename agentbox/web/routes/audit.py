"""The audit."""

from __future__ import annotations

from agentbox.errors import InvalidCursor
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import AUDIT_READ
from agentbox.plugin.routes import Route
from agentbox.web.handlers.audit import AuditHandlers
from agentbox.web.handlers.shapes import audit as shapes
from agentbox.web.routes.place import API


def audit_routes(audit: AuditHandlers) -> list[Route]:
    """The row of /audit."""
    return [
        Route(
            method="GET",
            path=f"{API}/audit",
            access=scoped(AUDIT_READ),
            handler=audit.list,
            summary="List what was done and refused",
            query=shapes.AuditQuery,
            response=shapes.AuditListOut,
            errors=(InvalidCursor,),
            tag="audit",
        )
    ]
