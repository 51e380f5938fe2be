"""Who may do what, written a second time from what the documentation says."""

from __future__ import annotations

from functools import cache

from tests.e2e.matrix.rules import DEFAULT, LOWEST_ROLE
from tests.e2e.model.oracle.world import (
    PERMISSIONS,
    ROLES,
    Credential,
    Environment,
    Refused,
    User,
    World,
)

DEFAULT_OF_KEYS = set(DEFAULT)
BEYOND_ENVIRONMENTS = {
    scope for scope in LOWEST_ROLE if scope.split(":")[0] in ("users", "roles", "audit", "system")
}


def reaches(role: str, lowest: str) -> bool:
    """viewer < user < admin < super_admin."""
    return ROLES.index(role) >= ROLES.index(lowest)


def enough(has: str | None, needed: str) -> bool:
    """viewer < editor < owner, and None is nothing."""
    return has is not None and PERMISSIONS.index(has) >= PERMISSIONS.index(needed)


def greater(*permissions: str | None) -> str | None:
    """The greatest of those that are any."""
    return max(filter(None, permissions), key=PERMISSIONS.index, default=None)


def recognised(world: World, who: Credential) -> User:
    """Whose credential it is; sessions of the inactive have ended, keys rest."""
    if not world.alive(who):
        raise Refused("invalid_token")
    return world.users[who.user_id]


@cache
def scopes_of_role(role: str) -> frozenset[str]:
    """All scopes of a role: those of a session."""
    return frozenset(scope for scope, lowest in LOWEST_ROLE.items() if reaches(role, lowest))


def scopes_of(world: World, who: Credential) -> frozenset[str]:
    """A key has what it was given, as far as the role has it now."""
    scopes = scopes_of_role(world.users[who.user_id].role)
    return scopes & who.scopes if who.is_key else scopes


def needs(world: World, who: Credential, scope: str) -> User:
    """The caller, with that scope: the role is told of before the credential."""
    user = recognised(world, who)
    if scope not in scopes_of_role(user.role):
        raise Refused("insufficient_role")
    if scope not in scopes_of(world, who):
        raise Refused("insufficient_scope")
    return user


def held(user: User, environment: Environment) -> str | None:
    """The greater of the grant and what the role gives; nobody with role viewer holds more."""
    implicit = {"admin": "viewer", "super_admin": "owner"}.get(user.role)
    most = greater(environment.grants.get(user.id), implicit)
    return "viewer" if most is not None and user.role == "viewer" else most


def limit(who: Credential, environment: Environment) -> str | None:
    """The most that the credential allows there."""
    if not who.is_key:
        return "owner"
    return greater(who.entries.get(environment.id), who.all_environments)


def permission(world: World, who: Credential, environment: Environment) -> str | None:
    """The lesser of the two."""
    own, most = held(world.users[who.user_id], environment), limit(who, environment)
    return None if own is None or most is None else min(own, most, key=PERMISSIONS.index)


def administers(world: World, who: Credential, environment: Environment) -> bool:
    """Owners do, and admins where the environment's user ranks below them."""
    if permission(world, who, environment) == "owner":
        return True
    user = world.users[who.user_id]
    below = not reaches(world.users[environment.user_id].role, "admin")
    return user.role == "admin" and below and limit(who, environment) == "owner"


def seen(world: World, who: Credential, environment_id: str) -> Environment:
    """The environment, which is not there for those who hold nothing on it."""
    environment = world.environments.get(environment_id)
    if environment is None or permission(world, who, environment) is None:
        raise Refused("not_found")
    return environment


def administered(world: World, who: Credential, environment_id: str) -> Environment:
    """The environment, for those who say who does what with it."""
    environment = seen(world, who, environment_id)
    if not administers(world, who, environment):
        raise Refused("insufficient_permission")
    return environment


def outranks(user: User, role: str) -> bool:
    """One acts on strictly lower rank, super_admins on everyone."""
    return user.role == "super_admin" or ROLES.index(user.role) > ROLES.index(role)


def require_rank(user: User, role: str) -> None:
    """Whether `user` may act on somebody with that role, or give it."""
    if not outranks(user, role):
        raise Refused("insufficient_rank")


def require_grantable(role: str, wanted: str) -> None:
    """Viewers hold viewer and no more."""
    if role == "viewer" and wanted != "viewer":
        raise Refused("permission_exceeds_role")


def found(world: World, user_id: str) -> User:
    """The user."""
    user = world.users.get(user_id)
    if user is None:
        raise Refused("not_found")
    return user
