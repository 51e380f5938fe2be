"""Changes: one transaction that re-reads the actor, does the work and writes the audit row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from agentbox.core.background.events import EventQueue
from agentbox.core.recognition.state import current_actor
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.audit import AuditEvent
from agentbox.model.ids import new_id
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage, Transaction

Details = Mapping[str, str | int | bool | None]

SYSTEM = Operator("system")
"""The server itself, on the first start."""


class Work:
    """A change that is going on: the transaction, the time, and the actor as it is now."""

    def __init__(self, tx: Transaction, now: datetime, actor: Actor, origin: Origin) -> None:
        self.tx = tx
        self.now = now
        self.actor = actor
        self.origin = origin
        self.events: list[AuditEvent] = []
        self.after_commit: list[Callable[[], None]] = []

    async def record(self, event: str, target: str | None, details: Details | None = None) -> None:
        """Add the audit row of what is being done, in the same transaction."""
        row = AuditEvent(
            id=new_id(),
            time=self.now,
            event=event,
            actor=name_of(self.actor),
            target=target,
            address=self.origin.address,
            request_id=self.origin.request_id,
            details=details or {},
        )
        await self.tx.audit.add(row)
        self.events.append(row)

    def changed(self, change: Change) -> None:
        """Tell every process that something rights depend on has changed."""
        self.tx.changed(change)


class Changes:
    """Begins changes. A right is judged again inside, so that a lost race changes nothing."""

    def __init__(
        self, storage: Storage, clock: Clock, scopes: ScopeTable, events: EventQueue
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._scopes = scopes
        self._events = events

    @asynccontextmanager
    async def begin(self, actor: Actor, origin: Origin) -> AsyncIterator[Work]:
        """One transaction, alone with all others that change rights.

        Raises `InvalidToken` if the actor is gone meanwhile. Its events are told after the commit.
        """
        async with self._storage.transaction() as tx:
            await tx.lock("rights")
            now = self._clock.now()
            current = await current_actor(tx, actor, scopes=self._scopes, now=now)
            work = Work(tx, now, current, origin)
            yield work
        for event in work.events:
            self._events.put(event)
        for step in work.after_commit:
            step()


def name_of(actor: Actor) -> str:
    """The actor as the audit names it."""
    if isinstance(actor, Principal):
        if actor.credential.kind == "api_key":
            return f"api_key:{actor.credential.id}"
        return f"user:{actor.user_id}"
    return actor.name
