"""Single grants, given, changed and taken inside a change, each with its audit row."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agentbox.core.changes import Work
from agentbox.core.environments.environments import user_id_of
from agentbox.core.environments.quota import require_room
from agentbox.errors import LastOwner
from agentbox.model.access.permissions import held, require_grantable
from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import Grant
from agentbox.model.ids import new_id
from agentbox.model.users import User


async def add_grant(work: Work, user_id: str, environment_id: str, permission: Permission) -> Grant:
    """A new grant. Raises `Conflict` if the user has one there already."""
    grant = Grant(
        id=new_id(),
        user_id=user_id,
        environment_id=environment_id,
        permission=permission,
        granted_at=work.now,
        granted_by=user_id_of(work.actor) or None,
    )
    await work.tx.grants.add(grant)
    await _record(work, "permission.grant", grant, {"permission": permission.value})
    return grant


async def change_grant(
    work: Work, grant: Grant, permission: Permission, *, role: Role, of: str, quota: int
) -> Grant:
    """The grant with another permission; what changes nothing is no change.

    `role` is that of the user who has it, `of` the user whose environment it is. Raises
    `PermissionExceedsRole`, `LastOwner`, and `Conflict` if it would pass to a user who has as many
    as `quota` already.
    """
    if grant.permission is permission:
        return grant
    require_grantable(role, permission)
    await _keep_an_owner(work, grant)
    before = grant.permission
    grant = msgspec.structs.replace(
        grant,
        permission=permission,
        granted_at=work.now,
        granted_by=user_id_of(work.actor) or None,
    )
    await work.tx.grants.replace(grant)
    await _hand_on(work, grant, of, quota)
    told = {"permission": permission.value, "permission_before": before.value}
    await _record(work, "permission.change", grant, told)
    return grant


async def take_grant(work: Work, grant: Grant, *, of: str, quota: int) -> None:
    """Remove a grant on an environment of the user `of`. Raises as `change_grant` does."""
    await _keep_an_owner(work, grant)
    await work.tx.grants.delete(grant.user_id, grant.environment_id)
    await _hand_on(work, grant, of, quota)
    await _record(work, "permission.revoke", grant, {"permission": grant.permission.value})


async def _keep_an_owner(work: Work, grant: Grant) -> None:
    """Under the lock `rights`, so that two can't leave at once."""
    if grant.permission is not Permission.OWNER:
        return
    owners = await work.tx.grants.owners(grant.environment_id)
    if await _first_to_hold(work, [each for each in owners if each != grant.user_id]) is None:
        raise LastOwner


async def _hand_on(work: Work, grant: Grant, of: str, quota: int) -> None:
    """An environment's user is one of its owners: the longest-standing if it is none any more.
    One with whom ownership rests is passed over.

    Who has as many as the quota allows gets no more this way, or two who hand theirs on to each
    other would have any number, and a third who was never asked none.
    """
    if grant.user_id != of:
        return
    owners = await work.tx.grants.owners(grant.environment_id)
    seen = await work.tx.environments.get(grant.environment_id, "")
    if seen is not None and of not in owners:
        heir = await _first_to_hold(work, owners)
        if heir is None:
            raise LastOwner
        await require_room(work, heir, quota)
        moved = msgspec.structs.replace(seen.environment, user_id=heir.id)
        await work.tx.environments.replace(moved)


async def _first_to_hold(work: Work, owners: Sequence[str]) -> User | None:
    """The first of those granted owner who holds it: with a viewer it rests, and nobody would."""
    for user_id in owners:
        user = await work.tx.users.get(user_id)
        if user is not None and held(user.role, Permission.OWNER) is Permission.OWNER:
            return user
    return None


async def _record(work: Work, event: str, grant: Grant, details: dict[str, str]) -> None:
    about = {"environment_id": grant.environment_id, "user_id": grant.user_id}
    await work.record(event, f"environment:{grant.environment_id}", about | details)
