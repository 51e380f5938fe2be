"""What follows from writing a user's record anew: who must stay, what ends, what is told."""

from __future__ import annotations

import msgspec

from agentbox.core.changes import Work
from agentbox.core.people.unlinking import unlink_each, was_opened_by_email
from agentbox.core.people.wiping import wipe
from agentbox.errors import LastSuperAdmin
from agentbox.model.access.roles import Role
from agentbox.model.users import LinkedBy, Status, User, UserFilter
from agentbox.plugin.storage import Change

SUPER_ADMINS = UserFilter(role=Role.SUPER_ADMIN, status=Status.ACTIVE)


async def write(work: Work, before: User, after: User) -> User:
    """Write `after` in the place of `before`; the sessions of one who is active no more end.

    Who becomes an admin and whose account an address has ever opened keeps no way in of then: with
    admins no address ever does, nor what was set up in a session that one began.

    Raises `LastSuperAdmin` before anything is written.
    """
    if not _is_super_admin(after):
        await keep_a_super_admin(work, before)
    after = msgspec.structs.replace(after, updated_at=work.now)
    await work.tx.users.replace(after)
    promoted = after.role.reaches(Role.ADMIN) and not before.role.reaches(Role.ADMIN)
    shut_out = promoted and await was_opened_by_email(work.tx, before.id)
    if shut_out:
        await unlink_each(work, before.id, LinkedBy.EMAIL)
        after = await wipe(work, after)
    if before.active and not after.active:
        await work.tx.sessions.end_all(before.id, work.now)
    work.changed(Change("user", before.id))
    fields = _changed_fields(before, after)
    if shut_out:
        fields |= {"ways_in": "taken away"}
    if fields:
        await work.record("user.update", f"user:{before.id}", fields)
    return after


async def keep_a_super_admin(work: Work, user: User) -> None:
    """Whether `user` may go, under the lock `rights`, so that two can't go at once."""
    if _is_super_admin(user) and await work.tx.users.count(SUPER_ADMINS) <= 1:
        raise LastSuperAdmin


def _is_super_admin(user: User) -> bool:
    return user.role is Role.SUPER_ADMIN and user.active


def _changed_fields(before: User, after: User) -> dict[str, str | int | bool | None]:
    """The audit says what a role and a status became, and of the rest only that they changed."""
    fields: dict[str, str | int | bool | None] = {}
    for name in ("username", "email"):
        if getattr(before, name) != getattr(after, name):
            fields[name] = "changed"
    if before.role is not after.role:
        fields |= {"role": after.role.value, "role_before": before.role.value}
    if before.status is not after.status:
        fields |= {"status": after.status.value, "status_before": before.status.value}
    return fields
