"""Changes: one transaction that re-reads the actor, does the work and writes the audit row."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import TypeVar

from agentbox.core.background.events import EventQueue
from agentbox.core.recognition.state import current_actor
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.audit import AuditEvent
from agentbox.model.ids import new_id
from agentbox.model.principal import Actor, Origin, Principal
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage, Transaction

Details = Mapping[str, str | int | bool | None]


class Writing:
    """A change that is going on: the transaction, the time, and whom the audit names."""

    def __init__(self, tx: Transaction, now: datetime, name: str, origin: Origin) -> None:
        self.tx = tx
        self.now = now
        self.name = name
        self.origin = origin
        self.events: list[AuditEvent] = []
        self.after_commit: list[Callable[[], None]] = []

    async def record(self, event: str, target: str | None, details: Details | None = None) -> None:
        """Add the audit row of what is being done, in the same transaction."""
        row = AuditEvent(
            id=new_id(),
            time=self.now,
            event=event,
            actor=self.name,
            target=target,
            address=self.origin.address,
            request_id=self.origin.request_id,
            details=details or {},
        )
        await self.tx.audit.add(row)
        self.events.append(row)

    async def alone_with_logins_of(self, user_id: str) -> None:
        """From here on, no login of that user begins a session beside this change.

        For a change that finds out inside whose sessions it ends; of one user at most, so that no
        two changes ever wait for each other.
        """
        await self.tx.lock(_lock_of(user_id))

    def changed(self, change: Change) -> None:
        """Tell every process that something rights depend on has changed."""
        self.tx.changed(change)


class Work(Writing):
    """A change on behalf of somebody: with the actor as it is now."""

    def __init__(self, tx: Transaction, now: datetime, actor: Actor, origin: Origin) -> None:
        super().__init__(tx, now, name_of(actor), origin)
        self.actor = actor


W = TypeVar("W", bound=Writing)


class Changes:
    """Begins changes. A right is judged again inside, so that a lost race changes nothing.

    Their events are told after the commit, also if whoever asked for the change is gone by then.
    """

    def __init__(
        self, storage: Storage, clock: Clock, scopes: ScopeTable, events: EventQueue
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._scopes = scopes
        self._events = events
        self._commits: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def begin(
        self, actor: Actor, origin: Origin, *, of: str | Collection[str] = ()
    ) -> AsyncIterator[Work]:
        """One transaction, alone with all others that change rights.

        A change that may end sessions names their user or users as `of`, and is alone with the
        logins of those too. Raises `InvalidToken` if the actor is gone meanwhile.
        """

        async def make(tx: Transaction, now: datetime) -> Work:
            current = await current_actor(tx, actor, scopes=self._scopes, now=now)
            return Work(tx, now, current, origin)

        # In one order for everybody, so that no two changes ever wait for each other.
        users = [of] if isinstance(of, str) else sorted(set(of))
        async with self._transaction(make, "rights", *map(_lock_of, users)) as work:
            yield work

    @asynccontextmanager
    async def begin_login(self, user_id: str, origin: Origin) -> AsyncIterator[Writing]:
        """The change that a login is, alone with what ends the sessions of that user.

        What it reads of the user is what counts: a password set or a user disabled before is seen
        here, and one after sees the session.
        """

        async def make(tx: Transaction, now: datetime) -> Writing:
            return Writing(tx, now, f"user:{user_id}", origin)

        async with self._transaction(make, _lock_of(user_id)) as writing:
            yield writing

    @asynccontextmanager
    async def _transaction(
        self, make: Callable[[Transaction, datetime], Awaitable[W]], *locks: str
    ) -> AsyncIterator[W]:
        transaction = self._storage.transaction()
        tx = await transaction.__aenter__()
        try:
            for name in locks:
                await tx.lock(name)
            writing = await make(tx, self._clock.now())
            yield writing
        except BaseException:
            await transaction.__aexit__(*sys.exc_info())
            raise
        # In a task of its own: a client who leaves now can't stop the commit, nor what follows it.
        task = asyncio.get_running_loop().create_task(self._commit(transaction, writing))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        await asyncio.shield(task)

    async def _commit(
        self, transaction: AbstractAsyncContextManager[Transaction], writing: Writing
    ) -> None:
        await transaction.__aexit__(None, None, None)
        for event in writing.events:
            self._events.put(event)
        for step in writing.after_commit:
            step()


def _lock_of(user_id: str) -> str:
    return f"user:{user_id}"


def name_of(actor: Actor) -> str:
    """The actor as the audit names it."""
    if isinstance(actor, Principal):
        if actor.credential.kind == "api_key":
            return f"api_key:{actor.credential.id}"
        return f"user:{actor.user_id}"
    return actor.name
