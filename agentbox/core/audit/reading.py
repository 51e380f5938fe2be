"""Reading the trail, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from agentbox.core.paging import Asked, Pages
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import AUDIT_READ, ScopeTable
from agentbox.model.audit import AuditEvent, AuditFilter
from agentbox.model.principal import Actor
from agentbox.plugin.storage import Storage


class TrailPage(NamedTuple):
    """One page of the trail, and the cursor of the next if there is one."""

    events: Sequence[AuditEvent]
    next_cursor: str | None


class Audit:
    """The use cases around the trail."""

    def __init__(self, *, storage: Storage, scopes: ScopeTable, pages: Pages) -> None:
        self._storage = storage
        self._scopes = scopes
        self._pages = pages

    async def list(self, caller: Actor, where: AuditFilter, asked: Asked) -> TrailPage:
        """A page, newest first. Raises `InsufficientRole`, `InsufficientScope`, `InvalidCursor`."""
        require_scope(caller, AUDIT_READ, self._scopes)
        page = self._pages.page(asked, where)
        before = None if page.after is None else (page.after[0], int(page.after[1]))
        async with self._storage.transaction(read_only=True) as tx:
            rows = await tx.audit.list(where, page.limit, before)
        found = self._pages.found(asked, where, rows, 0, _position)
        return TrailPage([event for _, event in found.rows], found.next_cursor)


def _position(row: tuple[int, AuditEvent]) -> tuple[datetime, str]:
    seq, event = row
    return event.time, str(seq)
