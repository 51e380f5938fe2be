"""What a new key gets: as asked, else as its maker has it, never beyond."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from agentbox.core.changes import Work
from agentbox.core.keys.bounds import (
    Bounds,
    bounds_of_actor,
    expiry_fault,
    require_environments_within,
    require_given_entries,
    require_rest_within,
)
from agentbox.errors import InvalidToken, NotFound, ValidationFailed
from agentbox.model.access.decisions import key_scopes, require_unlimited_for
from agentbox.model.access.permissions import require_grantable
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import ScopeSet, ScopeTable
from agentbox.model.api_keys import ApiKey, KeyPermission
from agentbox.model.evidence import NO_LIMIT, EnvironmentLimit, NoLimit
from agentbox.model.formats.api_key import NewKey
from agentbox.model.ids import new_id
from agentbox.model.principal import Operator, Principal
from agentbox.model.users import User


class NewApiKey(Struct, frozen=True, kw_only=True):
    """What a key is made of; None means not given.

    `permissions` are by environment id; an empty mapping is no environment at all.
    """

    name: str | None = None
    description: str | None = None
    expires_at: datetime | None = None
    scopes: ScopeSet | None = None
    all_environments: Permission | None = None
    permissions: Mapping[str, Permission] | None = None
    allowed_cidrs: tuple[str, ...] | None = None
    rate_limit: str | None = None


async def new_record(
    work: Work,
    made: NewKey,
    new: NewApiKey,
    *,
    owner_id: str | None,
    scopes: ScopeTable,
    max_lifetime: timedelta | None,
) -> ApiKey:
    """The record of a key of the actor's own; only the operator names another owner.

    Raises `NotFound`, `ScopeExceedsOwn`, `PermissionExceedsOwn`, `PermissionExceedsRole`,
    `ScopeConflict`, `ValidationFailed`.
    """
    owner = await _owner(work, owner_id)
    bounds = await bounds_of_actor(work)
    given = key_scopes(new.scopes, work.actor, owner.role, scopes)
    limit = await _environments(work, owner, new, bounds)
    if limit.all_environments is None:
        require_unlimited_for(given)
    allowed_cidrs = bounds.allowed_cidrs if new.allowed_cidrs is None else new.allowed_cidrs
    rate_limit = bounds.rate_limit if new.rate_limit is None else new.rate_limit
    expires_at = _expiry(new.expires_at, bounds.expires_at, max_lifetime, work.now)
    require_rest_within(
        bounds, expires_at=expires_at, allowed_cidrs=allowed_cidrs, rate_limit=rate_limit
    )
    return ApiKey(
        id=made.id,
        user_id=owner.id,
        name=new.name,
        description=new.description,
        key_prefix=made.shown,
        scopes=tuple(sorted(given)),
        all_environments=limit.all_environments,
        permissions=new_entries(limit.entries, work.now),
        created_at=work.now,
        expires_at=expires_at,
        allowed_cidrs=allowed_cidrs,
        rate_limit=rate_limit,
    )


def new_entries(asked: Mapping[str, Permission], now: datetime) -> tuple[KeyPermission, ...]:
    """Entries as a key keeps them."""
    return tuple(
        KeyPermission(id=new_id(), environment_id=each, permission=asked[each], created_at=now)
        for each in asked
    )


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


async def _environments(
    work: Work, owner: User, new: NewApiKey, bounds: Bounds
) -> EnvironmentLimit:
    """What the key may do on environments; read-only on all of them if nothing was said."""
    if new.all_environments is None and new.permissions is None:
        return _inherited(bounds.environments, owner.role)
    limit = EnvironmentLimit(new.all_environments, new.permissions or {})
    await require_given_entries(work, owner, limit.entries)
    if limit.all_environments is not None:
        require_grantable(owner.role, limit.all_environments)
    require_environments_within(limit, bounds)
    return limit


def _inherited(limit: EnvironmentLimit | NoLimit, role: Role) -> EnvironmentLimit:
    if limit is NO_LIMIT:
        return EnvironmentLimit(Permission.VIEWER)
    if role is not Role.VIEWER:
        return limit
    return EnvironmentLimit(
        limit.all_environments and Permission.VIEWER,
        dict.fromkeys(limit.entries, Permission.VIEWER),
    )


def _expiry(
    asked: datetime | None, own: datetime | None, lifetime: timedelta | None, now: datetime
) -> datetime | None:
    """As asked, within what the server allows; the latest possible if nothing was said."""
    longest = now + lifetime if lifetime is not None else None
    if asked is None:
        return min((moment for moment in (longest, own) if moment is not None), default=None)
    if asked <= now:
        raise ValidationFailed(errors=[expiry_fault("must be in the future")])
    if longest is not None and asked > longest:
        detail = f"must not be later than {longest.isoformat()}"
        raise ValidationFailed(errors=[expiry_fault(detail)])
    return asked
