"""Sessions: one's own, and those of users of lower rank; seen, and ended."""

from __future__ import annotations

from agentbox.core.changes import Changes
from agentbox.core.paging import Asked, Found, Pages
from agentbox.core.people.targets import found, is_self, other
from agentbox.errors import NotFound, SessionRequired
from agentbox.model.access.decisions import require_rank, require_scope
from agentbox.model.access.scopes import USERS_CREDENTIALS, ScopeTable
from agentbox.model.principal import Actor, Origin, Principal
from agentbox.model.sessions import Session
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage, Transaction


class Sessions:
    """The use cases around sessions that have begun."""

    def __init__(
        self,
        *,
        storage: Storage,
        changes: Changes,
        clock: Clock,
        scopes: ScopeTable,
        pages: Pages,
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._clock = clock
        self._scopes = scopes
        self._pages = pages

    async def list_own(self, caller: Principal, asked: Asked) -> Found[Session]:
        """One page of the caller's live sessions, newest first.

        Raises `SessionRequired` for an API key, `InvalidCursor`, `ValidationFailed`.
        """
        if not caller.is_session:
            raise SessionRequired
        async with self._storage.transaction(read_only=True) as tx:
            return await self._page(tx, caller.user_id, asked)

    async def list_of(self, caller: Actor, user_id: str, asked: Asked) -> Found[Session]:
        """One page of a user's live sessions; one's own too, but not with an API key.

        Raises `InsufficientScope` or `InsufficientRole`, `NotFound`, `InsufficientRank`,
        `SessionRequired`, and what `list_own` raises.
        """
        require_scope(caller, USERS_CREDENTIALS, self._scopes)
        self._pages.page(asked, user_id)  # a wrong cursor is told before whether there is a user
        async with self._storage.transaction(read_only=True) as tx:
            user = found(await tx.users.get(user_id))
            if not is_self(caller, user):
                require_rank(caller, user.role)
            elif isinstance(caller, Principal) and not caller.is_session:
                raise SessionRequired
            return await self._page(tx, user_id, asked)

    async def end_own(self, caller: Principal, origin: Origin, session_id: str) -> None:
        """End one of the caller's sessions, which may be this one.

        Raises `SessionRequired`, and `NotFound` for one that is not there, over or another's.
        """
        if not caller.is_session:
            raise SessionRequired
        async with self._changes.begin(caller, origin) as work:
            session = await work.tx.sessions.get(session_id)
            if session is None or session.user_id != caller.user_id or not session.live(work.now):
                raise NotFound("There is no such session.")
            await work.tx.sessions.end(session_id, work.now)
            work.changed(Change("session", session_id))
            await work.record("session.end", f"session:{session_id}")

    async def end_others(self, caller: Principal, origin: Origin) -> int:
        """End all of the caller's sessions but this one; how many. Raises `SessionRequired`."""
        if not caller.is_session:
            raise SessionRequired
        user_id = caller.user_id
        async with self._changes.begin(caller, origin, of=user_id) as work:
            ended = await work.tx.sessions.end_all(user_id, work.now, keep=caller.session_id)
            work.changed(Change("user", user_id))
            await work.record("user.sessions_end", f"user:{user_id}", {"ended": ended})
        return ended

    async def end_all_of(self, actor: Actor, origin: Origin, user_id: str) -> int:
        """End all sessions of another user; how many.

        Raises `InsufficientScope` or `InsufficientRole`, `NotFound`, `SelfForbidden`,
        `InsufficientRank`.
        """
        async with self._changes.begin(actor, origin, of=user_id) as work:
            require_scope(work.actor, USERS_CREDENTIALS, self._scopes)
            await other(work, user_id)
            ended = await work.tx.sessions.end_all(user_id, work.now)
            work.changed(Change("user", user_id))
            await work.record("user.sessions_end", f"user:{user_id}", {"ended": ended})
        return ended

    async def _page(self, tx: Transaction, user_id: str, asked: Asked) -> Found[Session]:
        page, now = self._pages.page(asked, user_id), self._clock.now()
        rows = await tx.sessions.list(user_id, now, page)
        total = await tx.sessions.count(user_id, now)
        return self._pages.found(asked, user_id, rows, total, lambda s: (s.created_at, s.id))
