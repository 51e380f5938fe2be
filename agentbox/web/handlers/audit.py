"""Reading the audit."""

from __future__ import annotations

from agentbox.core.paging import Asked
from agentbox.core.runtime import Runtime
from agentbox.model.audit import AuditFilter
from agentbox.plugin.routes import RouteRequest
from agentbox.web.handlers.api_keys import moment
from agentbox.web.handlers.shapes.audit import AuditListOut, AuditQuery, audit_list_out


class AuditHandlers:
    """GET /audit."""

    def __init__(self, runtime: Runtime) -> None:
        self._audit = runtime.audit

    async def list(self, request: RouteRequest[None, AuditQuery]) -> AuditListOut:
        """A page of the audit, newest first."""
        query = request.query
        where = AuditFilter(
            actor=query.actor,
            target=query.target,
            event=query.event,
            result=query.result,
            start=moment(query.start, "/start"),
            end=moment(query.end, "/end"),
        )
        asked = Asked(query.limit, cursor=query.cursor)
        return audit_list_out(await self._audit.list(request.principal, where, asked))
