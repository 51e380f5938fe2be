"""Deleting a user: what hangs on it goes, what others may need passes on."""

from __future__ import annotations

import msgspec

from agentbox.core.changes import Work
from agentbox.core.people.writing import SUPER_ADMINS, keep_a_super_admin
from agentbox.errors import LastSuperAdmin
from agentbox.model.access.roles import Permission
from agentbox.model.environments import Grant
from agentbox.model.ids import new_id
from agentbox.model.principal import Principal
from agentbox.model.users import User
from agentbox.plugin.storage import Change, Page


async def remove(work: Work, user: User) -> None:
    """Delete a user with its sessions, keys, grants and resets; the id is never used again.

    An environment that it alone owned passes to the acting admin, one that it shared to the
    owners that are left. Raises `LastSuperAdmin`.
    """
    await keep_a_super_admin(work, user)
    orphans = await work.tx.grants.sole_owned(user.id)
    if orphans:
        heir_id = await _heir(work, user)
        for environment_id in orphans:
            await _make_owner(work, heir_id, environment_id)
    await work.tx.environments.move_from(user.id)
    await work.tx.throttles.forget(user.id)
    await work.tx.users.delete(user.id)
    work.changed(Change("user", user.id))
    await work.record("user.delete", f"user:{user.id}", {"username": user.username})


async def _heir(work: Work, user: User) -> str:
    """Who acts; for the operator the longest-standing active super_admin but the one who goes."""
    if isinstance(work.actor, Principal):
        return work.actor.user_id
    number = await work.tx.users.count(SUPER_ADMINS)
    oldest = await work.tx.users.list(SUPER_ADMINS, Page(2, offset=max(0, number - 2)))
    heirs = [each.id for each in reversed(oldest) if each.id != user.id]
    if not heirs:
        raise LastSuperAdmin("Its environments need an active super_admin to pass to.")
    return heirs[0]


async def _make_owner(work: Work, user_id: str, environment_id: str) -> None:
    grant = Grant(
        id=new_id(),
        user_id=user_id,
        environment_id=environment_id,
        permission=Permission.OWNER,
        granted_by=user_id,
        granted_at=work.now,
    )
    lower = await work.tx.grants.get(user_id, environment_id)
    if lower is None:
        await work.tx.grants.add(grant)
    else:
        await work.tx.grants.replace(msgspec.structs.replace(grant, id=lower.id))
    details = {
        "environment_id": environment_id,
        "user_id": user_id,
        "permission": grant.permission.value,
    }
    await work.record("permission.grant", f"environment:{environment_id}", details)
