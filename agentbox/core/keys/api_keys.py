"""API keys: never more than their maker, shown once, revoked at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import Struct

from agentbox.core.changes import Changes, Work
from agentbox.errors import (
    FieldFault,
    InsufficientRank,
    InvalidToken,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    ValidationFailed,
)
from agentbox.model.access.decisions import (
    key_scopes,
    outranks,
    require_scope,
    require_unlimited_for,
    visible_key_owner_roles,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import (
    API_KEYS_READ,
    API_KEYS_WRITE,
    USERS_CREDENTIALS,
    ScopeSet,
    ScopeTable,
)
from agentbox.model.api_keys import ApiKey, ApiKeyFilter, ApiKeyState
from agentbox.model.evidence import EnvironmentLimit
from agentbox.model.formats.api_key import KeyFormat
from agentbox.model.formats.names import is_label
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Page, Storage


class NewApiKey(Struct, frozen=True, kw_only=True):
    """What a key is made of; None means not given.

    `no_environments` says that a list of permissions was given, and that it is empty.
    """

    name: str | None = None
    description: str | None = None
    expires_at: datetime | None = None
    scopes: ScopeSet | None = None
    all_environments: Permission | None = None
    no_environments: bool = False


class MadeKey(NamedTuple):
    """A key's record and its text, which is never to be had again."""

    record: ApiKey
    text: Secret


class ApiKeyList(NamedTuple):
    """One page of keys and how many there are in all."""

    api_keys: Sequence[ApiKey]
    total: int


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
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._clock = clock
        self._scopes = scopes
        self._format = key_format
        self._max_lifetime = max_lifetime

    async def create(
        self, maker: Actor, origin: Origin, new: NewApiKey, *, owner_id: str | None = None
    ) -> MadeKey:
        """A key of the maker's own; only the operator names another owner.

        Raises `ScopeExceedsOwn`, `PermissionExceedsOwn`, `PermissionExceedsRole`, `ScopeConflict`,
        `ValidationFailed`.
        """
        _check_labels(new)
        made = self._format.generate()
        async with self._changes.begin(maker, origin) as work:
            require_scope(work.actor, API_KEYS_WRITE, self._scopes)
            owner = await _owner(work, owner_id)
            scopes = key_scopes(new.scopes, work.actor, owner.role, self._scopes)
            record = ApiKey(
                id=made.id,
                user_id=owner.id,
                name=new.name,
                description=new.description,
                key_prefix=made.shown,
                scopes=tuple(sorted(scopes)),
                all_environments=_environments(work.actor, owner.role, new, scopes),
                created_at=work.now,
                expires_at=self._expiry(work.actor, new.expires_at, work.now),
            )
            await work.tx.api_keys.add(record, made.digest)
            await work.record("api_key.create", f"api_key:{record.id}", {"user_id": owner.id})
        return MadeKey(record, made.text)

    async def list(
        self,
        caller: Actor,
        page: Page,
        *,
        user_id: str | None = None,
        everyone: bool = False,
        state: ApiKeyState | None = None,
    ) -> ApiKeyList:
        """One page, newest first: the caller's own, one user's, or everyone's of lower rank.

        Raises `InsufficientRole` or `InsufficientScope` for others' keys, `NotFound`,
        `InsufficientRank`.
        """
        own_id = caller.user_id if isinstance(caller, Principal) else None
        others = everyone or (user_id is not None and user_id != own_id)
        require_scope(caller, USERS_CREDENTIALS if others else API_KEYS_READ, self._scopes)
        now = self._clock.now()
        where = ApiKeyFilter(user_id=user_id or own_id, state=state, now=now)
        if everyone:
            roles = tuple(role.value for role in visible_key_owner_roles(caller))
            where = ApiKeyFilter(state=state, now=now, owner_roles=roles, also_of=own_id)
        async with self._storage.transaction(read_only=True) as tx:
            if others and user_id is not None:
                user = await tx.users.get(user_id)
                if user is None:
                    raise NotFound("There is no such user.")
                if not outranks(caller, user.role):
                    raise InsufficientRank
            return ApiKeyList(await tx.api_keys.list(where, page), await tx.api_keys.count(where))

    async def get(self, caller: Actor, key_id: str) -> ApiKey:
        """One's own key, or one of a user of lower rank. Raises `NotFound` for all others."""
        async with self._storage.transaction(read_only=True) as tx:
            key = await tx.api_keys.get(key_id)
            owner = await tx.users.get(key.user_id) if key else None
        return self._visible(caller, key, owner, API_KEYS_READ)

    async def revoke(self, caller: Actor, origin: Origin, key_id: str) -> None:
        """Revoke a key; the row stays. Revoking again changes nothing. Raises as `get` does."""
        async with self._changes.begin(caller, origin) as work:
            key = await work.tx.api_keys.get(key_id)
            owner = await work.tx.users.get(key.user_id) if key else None
            self._visible(work.actor, key, owner, API_KEYS_WRITE)
            if await work.tx.api_keys.revoke(key_id, work.now):
                work.changed(Change("api_key", key_id))
                await work.record("api_key.revoke", f"api_key:{key_id}")

    def _visible(self, caller: Actor, key: ApiKey | None, owner: User | None, scope: str) -> ApiKey:
        if isinstance(caller, Operator):
            if key is None:
                raise NotFound("There is no such API key.")
            return key
        require_scope(caller, scope, self._scopes)
        if key is not None and owner is not None:
            if owner.id == caller.user_id:
                return key
            if USERS_CREDENTIALS in caller.scopes and outranks(caller, owner.role):
                return key
        raise NotFound("There is no such API key.")

    def _expiry(self, maker: Actor, asked: datetime | None, now: datetime) -> datetime | None:
        """As asked, within what the maker's own key and the server allow."""
        latest = now + self._max_lifetime if self._max_lifetime is not None else None
        if isinstance(maker, Principal) and maker.credential.kind != "session":
            own = maker.credential.expires_at
            latest = min((moment for moment in (latest, own) if moment is not None), default=None)
        if asked is None:
            return latest
        if asked <= now:
            raise _expiry_fault("must be in the future")
        if latest is not None and asked > latest:
            raise _expiry_fault(f"must not be later than {latest.isoformat()}")
        return asked


async def _owner(work: Work, owner_id: str | None) -> User:
    if owner_id is None:
        if isinstance(work.actor, Principal):
            return work.actor.user
        raise NotFound("Say whose key it is.")
    owner = await work.tx.users.get(owner_id) if isinstance(work.actor, Operator) else None
    if owner is None:
        raise NotFound("There is no such user.")
    if not owner.active:
        raise InvalidToken("That user is not active.")
    return owner


def _environments(maker: Actor, role: Role, new: NewApiKey, scopes: ScopeSet) -> Permission | None:
    """What the key may do on all of its owner's environments; read-only if nothing was said."""
    own: Permission | None = Permission.OWNER
    if isinstance(maker, Principal) and isinstance(maker.environment_limit, EnvironmentLimit):
        own = maker.environment_limit.all_environments
    asked = new.all_environments
    if asked is None:
        if new.no_environments or own is None:
            require_unlimited_for(scopes)
            return None
        return own if _limited(maker) and role is not Role.VIEWER else Permission.VIEWER
    if role is Role.VIEWER and asked is not Permission.VIEWER:
        raise PermissionExceedsRole("A viewer's key can do no more than view.")
    if own is None or asked.rank > own.rank:
        raise PermissionExceedsOwn
    return asked


def _limited(maker: Actor) -> bool:
    return isinstance(maker, Principal) and isinstance(maker.environment_limit, EnvironmentLimit)


def _expiry_fault(detail: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldFault("/expires_at", detail)])


def _check_labels(new: NewApiKey) -> None:
    """Names as access.md has them; what comes from the command line is judged here alone."""
    faults = [
        FieldFault(f"/{name}", f"must be 1 to {longest} characters, none of them a control")
        for name, text, longest in (("name", new.name, 128), ("description", new.description, 1024))
        if text is not None and not is_label(text, longest=longest)
    ]
    if faults:
        raise ValidationFailed(errors=faults)
