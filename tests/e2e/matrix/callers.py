"""Who calls: with which role, which scopes, and limited to which environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.e2e.matrix.rules import DEFAULT, LOWEST_ROLE, OF_PERSONS_AND_THE_SYSTEM, has_scope

EVERY_SCOPE = tuple(LOWEST_ROLE)
READ = tuple(scope for scope in LOWEST_ROLE if scope.endswith(":read"))
OF_ENVIRONMENTS = tuple(
    scope for scope in LOWEST_ROLE if not scope.startswith(OF_PERSONS_AND_THE_SYSTEM)
)


class Key(NamedTuple):
    """What a key was given; `entries` are by the name of the environment."""

    scopes: tuple[str, ...]
    all_environments: str | None = None
    entries: Mapping[str, str] = {}


class Caller(NamedTuple):
    """Whose credential it is, and what it may open.

    `person` has `role`. Without a `key` it is a session. `fault` is why the credential opens
    nothing; `restricted` that its password has to be changed first.
    """

    person: str
    role: str
    key: Key | None = None
    fault: str | None = None
    restricted: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """What was given to the key and the role still has; for a session all of the role."""
        given = EVERY_SCOPE if self.key is None else self.key.scopes
        return frozenset(scope for scope in given if has_scope(self.role, scope))


SESSIONS = {
    "viewer": Caller("viewer", "viewer"),
    "user": Caller("user", "user"),
    "admin": Caller("admin", "admin"),
    "super_admin": Caller("super_admin", "super_admin"),
}

KEYS = {
    "default key of a super_admin": Caller("super_admin", "super_admin", Key(DEFAULT, "viewer")),
    "read-only key of a super_admin": Caller("super_admin", "super_admin", Key(READ, "viewer")),
    "wide key of an admin": Caller("admin", "admin", Key(EVERY_SCOPE[:-1], "owner")),
    # Each limited to one environment. The admin's owns by its entry what the admin only sees.
    "environment key of a user": Caller(
        "user", "user", Key(OF_ENVIRONMENTS, entries={"own": "editor"})
    ),
    "environment key of an admin": Caller(
        "admin", "admin", Key(OF_ENVIRONMENTS, entries={"a user's": "owner"})
    ),
    "environment key of a super_admin": Caller(
        "super_admin", "super_admin", Key(OF_ENVIRONMENTS, entries={"an admin's": "viewer"})
    ),
}

WIDEST = Key(EVERY_SCOPE, "owner")
DEAD = {
    "nobody": Caller("super_admin", "super_admin", fault="unauthorized"),
    "expired key": Caller("super_admin", "super_admin", WIDEST, fault="invalid_token"),
    "revoked key": Caller("super_admin", "super_admin", WIDEST, fault="invalid_token"),
    "key of a disabled user": Caller("disabled", "super_admin", WIDEST, fault="invalid_token"),
    "session of a disabled user": Caller("disabled", "super_admin", fault="invalid_token"),
}

RESTRICTED = {"restricted session": Caller("restricted", "super_admin", restricted=True)}

CALLERS: dict[str, Caller] = {**SESSIONS, **KEYS, **DEAD, **RESTRICTED}
