"""The most that a key may be: as wide as the key that makes it, or as it was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from agentbox.core.changes import Work
from agentbox.errors import FieldFault, NotFound, PermissionExceedsOwn, ValidationFailed
from agentbox.model.access.permissions import NO_ENVIRONMENT, limit_on, require_given
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.api_keys import ApiKey
from agentbox.model.evidence import NO_LIMIT, EnvironmentLimit, NoLimit
from agentbox.model.formats.networks import within_networks
from agentbox.model.formats.rate_limit import parse_rate_limit
from agentbox.model.principal import Operator
from agentbox.model.users import User


class Bounds(Struct, frozen=True, kw_only=True):
    """What a key may not go beyond. None, and no addresses, are no bound.

    `scopes` are as stored: what the owner's role takes away today it may give back tomorrow.
    """

    scopes: ScopeSet | None = None
    environments: EnvironmentLimit | NoLimit = NO_LIMIT
    expires_at: datetime | None = None
    allowed_cidrs: tuple[str, ...] = ()
    rate_limit: str | None = None


def bounds_of_key(key: ApiKey) -> Bounds:
    """The key itself."""
    return Bounds(
        scopes=frozenset(key.scopes),
        environments=key.environment_limit,
        expires_at=key.expires_at,
        allowed_cidrs=key.allowed_cidrs,
        rate_limit=key.rate_limit,
    )


async def bounds_of_actor(work: Work) -> Bounds:
    """What the actor's credential leaves to keys; a signed-in person's leaves all of the role."""
    actor = work.actor
    if isinstance(actor, Operator):
        return Bounds()
    if actor.is_session:
        return Bounds(environments=actor.environment_limit)
    if actor.credential.kind == "api_key":
        # Read here and now: what was remembered of the key when the request came may be wider.
        own = await work.tx.api_keys.get(actor.credential.id)
        if own is not None:
            return bounds_of_key(own)
    return Bounds(
        scopes=actor.scopes,
        environments=actor.environment_limit,
        expires_at=actor.credential.expires_at,
    )


def require_environments_within(asked: EnvironmentLimit, bounds: Bounds) -> None:
    """Raises `PermissionExceedsOwn` if `asked` allows anything anywhere that `bounds` does not."""
    most = bounds.environments
    if most is NO_LIMIT:
        return
    pairs = [(asked.all_environments, most.all_environments)]
    pairs += [(asked.entries[each], limit_on(most, each)) for each in asked.entries]
    if any(one is not None and (own is None or one.rank > own.rank) for one, own in pairs):
        raise PermissionExceedsOwn


def require_rest_within(
    bounds: Bounds,
    *,
    expires_at: datetime | None,
    allowed_cidrs: Sequence[str],
    rate_limit: str | None,
) -> None:
    """Raises `ValidationFailed` for a later expiry, more addresses or a higher rate."""
    faults = []
    if bounds.expires_at is not None and (expires_at is None or expires_at > bounds.expires_at):
        faults.append(expiry_fault(f"must not be later than {bounds.expires_at.isoformat()}"))
    if bounds.allowed_cidrs:
        within = f"must lie within {', '.join(bounds.allowed_cidrs)}"
        faults += [
            FieldFault(f"/allowed_cidrs/{at}", within)
            for at, network in enumerate(allowed_cidrs)
            if not within_networks([network], bounds.allowed_cidrs)
        ]
        if not allowed_cidrs:
            faults.append(FieldFault("/allowed_cidrs", within))
    if bounds.rate_limit is not None and (
        rate_limit is None
        or not parse_rate_limit(rate_limit).within(parse_rate_limit(bounds.rate_limit))
    ):
        faults.append(FieldFault("/rate_limit", f"must not go beyond {bounds.rate_limit}"))
    if faults:
        raise ValidationFailed(errors=faults)


async def require_given_entries(work: Work, owner: User, asked: Mapping[str, Permission]) -> None:
    """Whether a key of `owner` may be given these entries by the one who acts.

    Raises `NotFound` for an environment that is not there, or not for both of them,
    `PermissionExceedsRole`, `PermissionExceedsOwn`.
    """
    if not asked:
        return
    granted = await work.tx.environments.granted(list(asked), owner.id)
    for environment_id, permission in asked.items():
        if environment_id not in granted:
            raise NotFound(NO_ENVIRONMENT)
        has = granted[environment_id]
        require_given(work.actor, owner.role, environment_id, has, permission)


def expiry_fault(detail: str) -> FieldFault:
    """A fault of the expiry, which is told by its instant."""
    return FieldFault("/expires_at", detail)
