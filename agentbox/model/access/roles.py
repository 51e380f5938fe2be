"""The four roles and their rank."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user is to the service, lowest first."""

    VIEWER = "viewer"
    USER = "user"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"

    @property
    def rank(self) -> int:
        """viewer 0 < user 1 < admin 2 < super_admin 3."""
        return _RANKS[self]

    def reaches(self, lowest: Role) -> bool:
        """True if this role is `lowest` or above."""
        return _RANKS[self] >= _RANKS[lowest]


_RANKS = {Role.VIEWER: 0, Role.USER: 1, Role.ADMIN: 2, Role.SUPER_ADMIN: 3}


class Permission(StrEnum):
    """What one may do with an environment, lowest first."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """viewer 0 < editor 1 < owner 2."""
        return _PERMISSION_RANKS[self]


_PERMISSION_RANKS = {Permission.VIEWER: 0, Permission.EDITOR: 1, Permission.OWNER: 2}
