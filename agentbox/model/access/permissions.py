"""What one may do with an environment: by role, grant and the credential's limit.

- held(user) = the greater of the grant and what the role gives unasked, at most viewer for viewers;
- limit(credential) = the greater of its entry for the environment and its `all_environments`;
- permission = held for a session, the lesser of the two for everything else.
"""

from __future__ import annotations

from enum import StrEnum

from agentbox.errors import (
    InsufficientPermission,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.evidence import NO_LIMIT, EnvironmentLimit, NoLimit
from agentbox.model.principal import Actor, Operator

IMPLICIT: dict[Role, Permission] = {
    Role.ADMIN: Permission.VIEWER,
    Role.SUPER_ADMIN: Permission.OWNER,
}
"""What a role gives on every environment, granted or not."""


class Reason(StrEnum):
    """What `/authorize` says of a question."""

    OK = "ok"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    NO_PERMISSION = "no_permission"
    INSUFFICIENT_PERMISSION = "insufficient_permission"
    RESTRICTED = "restricted"


def held(role: Role, granted: Permission | None) -> Permission | None:
    """What a user of `role` with that grant may do; None means not even see it."""
    greater = _greater(granted, IMPLICIT.get(role))
    return Permission.VIEWER if greater and role is Role.VIEWER else greater


def limit_on(limit: EnvironmentLimit | NoLimit, environment_id: str) -> Permission | None:
    """The most that a credential with that limit may do on the environment."""
    if limit is NO_LIMIT:
        return Permission.OWNER
    return _greater(limit.entries.get(environment_id), limit.all_environments)


def permission_of(
    actor: Actor, environment_id: str, granted: Permission | None
) -> Permission | None:
    """What `actor` may do with an environment on which its user was granted that much."""
    if isinstance(actor, Operator):
        return Permission.OWNER
    own = held(actor.role, granted)
    most = limit_on(actor.environment_limit, environment_id)
    return None if own is None or most is None else min(own, most, key=lambda each: each.rank)


def sees_all(actor: Actor) -> bool:
    """Whether the actor's role shows it environments on which it was granted nothing."""
    return isinstance(actor, Operator) or actor.role in IMPLICIT


def may_administer(
    actor: Actor, environment_id: str, granted: Permission | None, owner_role: Role
) -> bool:
    """Whether `actor` may change, delete and share an environment whose `user_id` has that role.

    Its owners may; and admins where `user_id` ranks below them, within their credential's limit.
    """
    if permission_of(actor, environment_id, granted) is Permission.OWNER:
        return True
    return (
        not isinstance(actor, Operator)
        and actor.role.reaches(Role.ADMIN)
        and actor.role.rank > owner_role.rank
        and limit_on(actor.environment_limit, environment_id) is Permission.OWNER
    )


def require_permission(
    actor: Actor,
    environment_id: str,
    granted: Permission | None,
    needed: Permission,
    *,
    owner_role: Role | None = None,
) -> Permission:
    """What the actor may do, if it is enough; with an `owner_role`, administering is enough too.

    Raises `NotFound` for an environment that the actor can't see, else `InsufficientPermission`.
    """
    has = permission_of(actor, environment_id, granted)
    if has is None:
        raise NotFound(NO_ENVIRONMENT)
    if has.rank >= needed.rank:
        return has
    if owner_role is not None and may_administer(actor, environment_id, granted, owner_role):
        return has
    raise InsufficientPermission(needed.value)


def require_grantable(role: Role, permission: Permission) -> None:
    """Raises `PermissionExceedsRole` if a user of `role` can't hold that much."""
    if role is Role.VIEWER and permission is not Permission.VIEWER:
        raise PermissionExceedsRole("A viewer can hold no more than viewer.")


def require_given(
    maker: Actor,
    owner_role: Role,
    environment_id: str,
    granted: Permission | None,
    asked: Permission,
) -> None:
    """Whether a key of a user of `owner_role`, made by `maker`, may be given `asked`.

    `granted` is what the key's owner was granted. Raises `NotFound` if that shows neither of them
    the environment, `PermissionExceedsRole`, `PermissionExceedsOwn`.
    """
    has = permission_of(maker, environment_id, granted)
    own = held(owner_role, granted)
    if has is None or own is None:
        raise NotFound(NO_ENVIRONMENT)
    require_grantable(owner_role, asked)
    if asked.rank > min(has.rank, own.rank):
        raise PermissionExceedsOwn


def judge_permission(has: Permission | None, needed: Permission) -> Reason:
    """The answer to «may I, on this environment?»."""
    if has is None:
        return Reason.NO_PERMISSION
    return Reason.OK if has.rank >= needed.rank else Reason.INSUFFICIENT_PERMISSION


NO_ENVIRONMENT = "There is no such environment."


def _greater(one: Permission | None, other: Permission | None) -> Permission | None:
    return max(filter(None, (one, other)), key=lambda each: each.rank, default=None)
