"""The rules of access, written a second time as data: roles, scopes, permissions, codes.

Nothing here comes from the server's own tables: a change of the rules changes both.
"""

from __future__ import annotations

from typing import Final

ROLES: Final = ("viewer", "user", "admin", "super_admin")
PERMISSIONS: Final = ("viewer", "editor", "owner")

LOWEST_ROLE: Final = {
    "self:read": "viewer",
    "self:write": "viewer",
    "environments:read": "viewer",
    "environments:report": "user",
    "environments:create": "user",
    "environments:write": "user",
    "environments:share": "user",
    "metrics:read": "viewer",
    "api_keys:read": "viewer",
    "api_keys:write": "viewer",
    "users:read": "admin",
    "users:write": "admin",
    "users:credentials": "admin",
    "roles:write": "admin",
    "audit:read": "admin",
    "system:read": "admin",
    "system:write": "super_admin",
}
"""Every scope, and from which role on a person has it."""

DEFAULT: Final = ("self:read", "environments:read", "environments:report", "metrics:read")
"""What a key has that was made without a word about scopes."""

OF_PERSONS_AND_THE_SYSTEM: Final = ("users:", "roles:", "audit:", "system:")
"""No key that is limited to environments has a scope that begins so."""

IMPLICIT: Final = {"admin": "viewer", "super_admin": "owner"}
"""What a role holds on every environment, without a permission of its own."""

ORDER: Final = (
    "unauthorized",
    "invalid_token",
    "password_change_required",
    "session_required",
    "insufficient_role",
    "insufficient_scope",
)
"""Of several faults of a credential the one that is told: the first in this order."""

STATUS: Final = {
    "unauthorized": 401,
    "invalid_token": 401,
    "invalid_credentials": 401,
    "invalid_grant": 401,
    "password_change_required": 403,
    "session_required": 403,
    "insufficient_role": 403,
    "insufficient_scope": 403,
    "scope_exceeds_own": 403,
    "insufficient_permission": 403,
    "insufficient_rank": 403,
    "permission_exceeds_own": 403,
    "validation_failed": 422,
    "permission_exceeds_role": 422,
    "not_found": 404,
    "last_owner": 409,
    "self_forbidden": 409,
    "conflict": 409,
}


def rank(role: str) -> int:
    """Viewer 0, super_admin 3."""
    return ROLES.index(role)


def has_scope(role: str, scope: str) -> bool:
    """Whether a person of this role has the scope."""
    return rank(role) >= rank(LOWEST_ROLE[scope])


def outranks(role: str, other: str) -> bool:
    """Whether one of `role` acts on somebody else of role `other`."""
    return role == "super_admin" or rank(role) > rank(other)


def strength(permission: str | None) -> int:
    """None 0, viewer 1, editor 2, owner 3."""
    return 0 if permission is None else PERMISSIONS.index(permission) + 1


def greater(one: str | None, other: str | None) -> str | None:
    """Of two permissions the one that allows more."""
    return max(one, other, key=strength)


def lesser(one: str | None, other: str | None) -> str | None:
    """Of two permissions the one that allows less."""
    return min(one, other, key=strength)


def held(role: str, granted: str | None) -> str | None:
    """What somebody holds on an environment; viewers never more than viewer."""
    most = greater(granted, IMPLICIT.get(role))
    return lesser(most, "viewer") if role == "viewer" else most
