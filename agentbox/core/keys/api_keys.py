"""API keys: never more than their maker, shown once, revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from agentbox.core.changes import Changes, Work
from agentbox.core.keys.fields import canonical
from agentbox.core.keys.making import NewApiKey, new_record
from agentbox.core.keys.narrowing import ApiKeyEdit, changes_of, narrowed
from agentbox.core.keys.rotation import DEFAULT_OVERLAP, require_overlap, rotate
from agentbox.core.keys.usage import KeyUsage, Span, points_of
from agentbox.core.paging import Asked, Found, Pages
from agentbox.errors import Conflict, InsufficientRank, NotFound
from agentbox.model.access.decisions import outranks, require_scope, visible_key_owner_roles
from agentbox.model.access.scopes import (
    API_KEYS_READ,
    API_KEYS_WRITE,
    USERS_CREDENTIALS,
    ScopeTable,
)
from agentbox.model.api_keys import ApiKey, ApiKeyFilter, ApiKeyState
from agentbox.model.formats.api_key import KeyFormat
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage, Transaction


class MadeKey(NamedTuple):
    """A key's record and its text, which is never to be had again."""

    record: ApiKey
    text: Secret


class ApiKeys:
    """The use cases around API keys."""

    def __init__(
        self,
        *,
        storage: Storage,
        changes: Changes,
        clock: Clock,
        scopes: ScopeTable,
        key_format: KeyFormat,
        max_lifetime: timedelta | None,
        pages: Pages,
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._clock = clock
        self._scopes = scopes
        self._format = key_format
        self._max_lifetime = max_lifetime
        self._pages = pages

    async def create(
        self, maker: Actor, origin: Origin, new: NewApiKey, *, owner_id: str | None = None
    ) -> MadeKey:
        """A key of the maker's own; only the operator names another owner.

        What is left out is inherited from a maker that is a key itself. Raises `NotFound` for an
        environment, `ScopeExceedsOwn`, `PermissionExceedsOwn`, `PermissionExceedsRole`,
        `ScopeConflict`, `ValidationFailed`.
        """
        new = canonical(new)
        made = self._format.generate()
        async with self._changes.begin(maker, origin) as work:
            require_scope(work.actor, API_KEYS_WRITE, self._scopes)
            record = await new_record(
                work,
                made,
                new,
                owner_id=owner_id,
                scopes=self._scopes,
                max_lifetime=self._max_lifetime,
            )
            await work.tx.api_keys.add(record, made.digest)
            details = {"user_id": record.user_id}
            await work.record("api_key.create", f"api_key:{record.id}", details)
        return MadeKey(record, made.text)

    async def list(
        self,
        caller: Actor,
        asked: Asked,
        *,
        user_id: str | None = None,
        everyone: bool = False,
        state: ApiKeyState | None = None,
    ) -> Found[ApiKey]:
        """One page, newest first: the caller's own, one user's, or everyone's of lower rank.

        Raises `InsufficientRole` or `InsufficientScope` for others' keys, `InvalidCursor`,
        `ValidationFailed`, `NotFound`, `InsufficientRank`.
        """
        own_id = caller.user_id if isinstance(caller, Principal) else None
        others = everyone or (user_id is not None and user_id != own_id)
        require_scope(caller, USERS_CREDENTIALS if others else API_KEYS_READ, self._scopes)
        now = self._clock.now()
        where = ApiKeyFilter(user_id=user_id or own_id, state=state, now=now)
        if everyone:
            roles = tuple(role.value for role in visible_key_owner_roles(caller))
            where = ApiKeyFilter(state=state, now=now, owner_roles=roles, also_of=own_id)
        filters = (where.user_id, where.state, where.owner_roles, where.also_of)
        page = self._pages.page(asked, filters)
        async with self._storage.transaction(read_only=True) as tx:
            if others and user_id is not None:
                user = await tx.users.get(user_id)
                if user is None:
                    raise NotFound("There is no such user.")
                if not outranks(caller, user.role):
                    raise InsufficientRank
            rows, total = await tx.api_keys.list(where, page), await tx.api_keys.count(where)
        return self._pages.found(asked, filters, rows, total, lambda k: (k.created_at, k.id))

    async def get(self, caller: Actor, key_id: str) -> ApiKey:
        """One's own key, or one of a user of lower rank. Raises `NotFound` for all others."""
        async with self._storage.transaction(read_only=True) as tx:
            return await self._visible(tx, caller, key_id, API_KEYS_READ)

    async def usage(self, caller: Actor, key_id: str, span: Span) -> KeyUsage:
        """How often the key was used; a use is counted a second later. Raises as `get` does."""
        async with self._storage.transaction(read_only=True) as tx:
            await self._visible(tx, caller, key_id, API_KEYS_READ)
            hours = await tx.api_key_usage.list(key_id, span.start, span.end)
        return KeyUsage(key_id, span, points_of(hours, span.step))

    async def edit(self, caller: Actor, origin: Origin, key_id: str, edit: ApiKeyEdit) -> ApiKey:
        """Change one's own key, in its rights only to narrower ones.

        An edit that changes nothing is no change at all. Raises `NotFound`, `ScopeExceedsOwn`,
        `PermissionExceedsOwn`, `PermissionExceedsRole`, `ScopeConflict`, `ValidationFailed`, and
        `Conflict` for a revoked key.
        """
        edit = canonical(edit)
        async with self._changes.begin(caller, origin) as work:
            key, owner = await self._own(work, key_id)
            after = await narrowed(work, owner, key, edit)
            if after == key and key.revoked_at is None:
                return key
            if not await work.tx.api_keys.replace(after):
                raise Conflict("The API key is revoked.")
            work.changed(Change("api_key", key_id))
            await work.record("api_key.update", f"api_key:{key_id}", changes_of(key, after))
        return after

    async def rotate(
        self, caller: Actor, origin: Origin, key_id: str, overlap: timedelta = DEFAULT_OVERLAP
    ) -> MadeKey:
        """A new key in the place of one's own, which goes on for the overlap; 0 revokes it.

        Raises `NotFound`, `ValidationFailed`, `ScopeExceedsOwn`, `PermissionExceedsOwn`, and
        `Conflict` for a key that is revoked, expired or rotated already.
        """
        require_overlap(overlap)
        made = self._format.generate()
        async with self._changes.begin(caller, origin) as work:
            key, _ = await self._own(work, key_id)
            record = await rotate(work, key, made, overlap)
        return MadeKey(record, made.text)

    async def revoke(self, caller: Actor, origin: Origin, key_id: str) -> None:
        """Revoke a key; the row stays. Revoking again changes nothing. Raises as `get` does."""
        async with self._changes.begin(caller, origin) as work:
            await self._visible(work.tx, work.actor, key_id, API_KEYS_WRITE)
            await _revoke(work, key_id)

    async def revoke_presented(self, caller: Principal, origin: Origin) -> None:
        """Revoke the key that is presented, whatever else it may do.

        Raises `NotFound` if the caller came with something else.
        """
        if caller.credential.kind != "api_key":
            raise NotFound("The credential is not an API key.")
        async with self._changes.begin(caller, origin) as work:
            await _revoke(work, caller.credential.id)

    async def _own(self, work: Work, key_id: str) -> tuple[ApiKey, User]:
        """The actor's own key and its owner; the operator has all keys."""
        require_scope(work.actor, API_KEYS_WRITE, self._scopes)
        key, owner = await _key_and_owner(work.tx, key_id)
        if isinstance(work.actor, Principal) and owner.id != work.actor.user_id:
            raise NotFound(NO_KEY)
        return key, owner

    async def _visible(self, tx: Transaction, caller: Actor, key_id: str, scope: str) -> ApiKey:
        require_scope(caller, scope, self._scopes)
        key, owner = await _key_and_owner(tx, key_id)
        if isinstance(caller, Operator) or owner.id == caller.user_id:
            return key
        if USERS_CREDENTIALS in caller.scopes and outranks(caller, owner.role):
            return key
        raise NotFound(NO_KEY)


NO_KEY = "There is no such API key."


async def _key_and_owner(tx: Transaction, key_id: str) -> tuple[ApiKey, User]:
    key = await tx.api_keys.get(key_id)
    owner = await tx.users.get(key.user_id) if key is not None else None
    if key is None or owner is None:
        raise NotFound(NO_KEY)
    return key, owner


async def _revoke(work: Work, key_id: str) -> None:
    if await work.tx.api_keys.revoke(key_id, work.now):
        work.changed(Change("api_key", key_id))
        await work.record("api_key.revoke", f"api_key:{key_id}")
