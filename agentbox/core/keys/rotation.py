"""A key in the place of another: same rights, same end, a new secret."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from agentbox.core.changes import Work
from agentbox.core.keys.bounds import (
    bounds_of_actor,
    require_environments_within,
    require_rest_within,
)
from agentbox.core.keys.making import new_entries
from agentbox.errors import Conflict, FieldFault, ValidationFailed
from agentbox.model.access.decisions import require_own_scopes
from agentbox.model.api_keys import ApiKey
from agentbox.model.formats.api_key import NewKey
from agentbox.model.principal import Principal
from agentbox.plugin.storage import Change

DEFAULT_OVERLAP: Final = timedelta(hours=1)
LONGEST_OVERLAP: Final = timedelta(days=7)

OVER: Final = "The API key is revoked or expired."


def require_overlap(overlap: timedelta) -> None:
    """Raises `ValidationFailed` for one that is negative or over a week."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        longest = int(LONGEST_OVERLAP.total_seconds())
        fault = FieldFault("/overlap_seconds", f"must be 0 to {longest} seconds")
        raise ValidationFailed(errors=[fault])


async def rotate(work: Work, key: ApiKey, made: NewKey, overlap: timedelta) -> ApiKey:
    """Write the key that takes the place of `key`, and let that one end with the overlap.

    Raises `ScopeExceedsOwn`, `PermissionExceedsOwn` or `ValidationFailed` if the actor is a key
    that would get more than it has, `Conflict` for a key that does not hold any more or that has
    been rotated already.
    """
    if not _is_itself(work, key):
        await _require_no_gain(work, key)
    if not key.live(work.now):
        raise Conflict(OVER)
    successor = replace(
        key,
        id=made.id,
        key_prefix=made.shown,
        created_at=work.now,
        last_used=None,
        permissions=new_entries(key.environment_limit.entries, work.now),
        rotated_from=key.id,
    )
    try:
        await work.tx.api_keys.add(successor, made.digest)
    except Conflict:
        raise Conflict("The API key has been rotated already.") from None
    await _end(work, key, overlap)
    seconds = int(overlap.total_seconds())
    details = {"user_id": key.user_id, "rotated_from": key.id}
    await work.record("api_key.create", f"api_key:{successor.id}", details)
    await work.record(
        "api_key.rotate",
        f"api_key:{key.id}",
        {"into": successor.id, "overlap_seconds": seconds},
    )
    return successor


async def _end(work: Work, key: ApiKey, overlap: timedelta) -> None:
    if overlap:
        latest = work.now + overlap
        expires_at = latest if key.expires_at is None else min(key.expires_at, latest)
        ended = await work.tx.api_keys.replace(replace(key, expires_at=expires_at))
    else:
        ended = await work.tx.api_keys.revoke(key.id, work.now)
    if not ended:
        raise Conflict(OVER)
    work.changed(Change("api_key", key.id))


async def _require_no_gain(work: Work, key: ApiKey) -> None:
    """Whoever rotates a key gets its new secret, so a key may not rotate a wider one."""
    bounds = await bounds_of_actor(work)
    if bounds.scopes is not None:
        require_own_scopes(frozenset(key.scopes), bounds.scopes)
    require_environments_within(key.environment_limit, bounds)
    require_rest_within(
        bounds,
        expires_at=key.expires_at,
        allowed_cidrs=key.allowed_cidrs,
        rate_limit=key.rate_limit,
    )


def _is_itself(work: Work, key: ApiKey) -> bool:
    actor = work.actor
    return (
        isinstance(actor, Principal)
        and actor.credential.kind == "api_key"
        and actor.credential.id == key.id
    )
