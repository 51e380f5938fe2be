"""The rules: pure functions that return or raise a problem (RFC 6750 section 3.1 where it speaks).

The order of checks is fixed, so that no answer tells whether something exists to somebody who may
not know: password change, role, scope, freshness; only then is anything looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    InsufficientScope,
    InsufficientUserAuthentication,
    PasswordChangeRequired,
    ScopeConflict,
    ScopeExceedsOwn,
    SessionRequired,
)
from agentbox.model.access.roles import Role
from agentbox.model.access.route import Access
from agentbox.model.access.scopes import BEYOND_ENVIRONMENTS, ScopeSet, ScopeTable
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Actor, Operator, Principal

FRESH_FOR = timedelta(minutes=10)


def authorise(
    access: Access,
    principal: Principal,
    path: Mapping[str, str],
    *,
    scopes: ScopeTable,
    now: datetime,
) -> None:
    """Whether `principal` may call a route with `access`; returns or raises a `Problem`."""
    if PASSWORD_CHANGE_REQUIRED in principal.restrictions and not access.allow_restricted:
        raise PasswordChangeRequired
    about = path.get("user_id")
    if not principal.role.reaches(access.min_role):
        raise InsufficientRole
    if about not in (None, principal.user_id) and not principal.role.reaches(access.others_role):
        raise InsufficientRole
    if access.kind == "session" and not principal.is_session:
        raise SessionRequired
    scope = access.scope
    if access.self_scope is not None and about == principal.user_id:
        scope = access.self_scope
    if scope is not None and scope not in principal.scopes:
        if scope not in scopes.of_role(principal.role):
            raise InsufficientRole
        raise InsufficientScope(scope)
    if access.fresh:
        require_fresh(principal, now)


def require_fresh(principal: Principal, now: datetime) -> None:
    """Raises `InsufficientUserAuthentication` if the sign-in is too long ago, or there was none."""
    if principal.auth_time is None or now - principal.auth_time > FRESH_FOR:
        raise InsufficientUserAuthentication(
            members={"max_age": int(FRESH_FOR.total_seconds())},
        )


def require_scope(actor: Actor, scope: str, scopes: ScopeTable) -> None:
    """For a scope that the body asks for, not the route: raises as `authorise` does."""
    if isinstance(actor, Operator) or scope in actor.scopes:
        return
    if scope not in scopes.of_role(actor.role):
        raise InsufficientRole
    raise InsufficientScope(scope)


def outranks(actor: Actor, role: Role) -> bool:
    """One acts on users of strictly lower rank; super_admin and the operator on everyone."""
    if isinstance(actor, Operator) or actor.role is Role.SUPER_ADMIN:
        return True
    return actor.role.rank > role.rank


def require_rank(actor: Actor, role: Role) -> None:
    """Raises `InsufficientRank` unless `actor` may act on a user of `role`, or give that role."""
    if not outranks(actor, role):
        raise InsufficientRank


def visible_key_owner_roles(actor: Actor) -> tuple[Role, ...]:
    """The roles of the users whose keys `actor` may list and revoke."""
    return tuple(role for role in Role if outranks(actor, role))


def key_scopes(
    asked: ScopeSet | None, maker: Principal | Operator, owner_role: Role, scopes: ScopeTable
) -> ScopeSet:
    """The scopes of a new key: as asked if the maker has them all, else the default ones it has."""
    own = scopes.of_role(owner_role) if isinstance(maker, Operator) else maker.scopes
    if asked is None:
        granted = scopes.defaults_for(owner_role) & own
        if not granted:
            raise ScopeExceedsOwn("You have none of the scopes that a key gets by default.")
        return granted
    require_own_scopes(asked, own)
    return asked


def require_own_scopes(asked: ScopeSet, own: ScopeSet) -> None:
    """Raises `ScopeExceedsOwn` if something is asked for that is not in `own`."""
    beyond = sorted(asked - own)
    if beyond:
        raise ScopeExceedsOwn(
            f"You can't give a scope that you don't have: {', '.join(beyond)}.",
            members={"scopes": beyond},
        )


def require_unlimited_for(asked: ScopeSet) -> None:
    """Raises `ScopeConflict` if a key limited to environments asks for wider scopes."""
    wide = sorted(asked & BEYOND_ENVIRONMENTS)
    if wide:
        raise ScopeConflict(f"A key limited to environments can't have {', '.join(wide)}.")
