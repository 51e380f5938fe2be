"""The closed table of scopes. Plugins add `<entry point>:<action>`, taken from their routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from agentbox.model.access.roles import Role

ScopeSet = frozenset[str]

SELF_READ = "self:read"
SELF_WRITE = "self:write"
ENVIRONMENTS_READ = "environments:read"
ENVIRONMENTS_REPORT = "environments:report"
ENVIRONMENTS_CREATE = "environments:create"
ENVIRONMENTS_WRITE = "environments:write"
ENVIRONMENTS_SHARE = "environments:share"
METRICS_READ = "metrics:read"
API_KEYS_READ = "api_keys:read"
API_KEYS_WRITE = "api_keys:write"
USERS_READ = "users:read"
USERS_WRITE = "users:write"
USERS_CREDENTIALS = "users:credentials"
ROLES_WRITE = "roles:write"
AUDIT_READ = "audit:read"
SYSTEM_READ = "system:read"
SYSTEM_WRITE = "system:write"


class ScopeRule(NamedTuple):
    """One row: what the scope opens, from which role on, and if keys get it unasked."""

    name: str
    description: str
    min_role: Role
    default: bool = False


SCOPES: Mapping[str, ScopeRule] = {
    rule.name: rule
    for rule in (
        ScopeRule(SELF_READ, "Read your own record and permissions", Role.VIEWER, True),
        ScopeRule(SELF_WRITE, "Change your own e-mail address", Role.VIEWER),
        ScopeRule(ENVIRONMENTS_READ, "See environments and their permissions", Role.VIEWER, True),
        ScopeRule(ENVIRONMENTS_REPORT, "Report what an environment does", Role.USER, True),
        ScopeRule(ENVIRONMENTS_CREATE, "Create environments", Role.USER),
        ScopeRule(ENVIRONMENTS_WRITE, "Change and delete environments", Role.USER),
        ScopeRule(ENVIRONMENTS_SHARE, "Change permissions on environments", Role.USER),
        ScopeRule(METRICS_READ, "Read metrics of what you may see", Role.VIEWER, True),
        ScopeRule(API_KEYS_READ, "List your own API keys", Role.VIEWER),
        ScopeRule(API_KEYS_WRITE, "Make and revoke your own API keys", Role.VIEWER),
        ScopeRule(USERS_READ, "Read other users", Role.ADMIN),
        ScopeRule(USERS_WRITE, "Create, edit, disable and delete users", Role.ADMIN),
        ScopeRule(USERS_CREDENTIALS, "Passwords, sessions and keys of others", Role.ADMIN),
        ScopeRule(ROLES_WRITE, "Give a role other than the default", Role.ADMIN),
        ScopeRule(AUDIT_READ, "Read the audit", Role.ADMIN),
        ScopeRule(SYSTEM_READ, "Read global series, configuration and jobs", Role.ADMIN),
        ScopeRule(SYSTEM_WRITE, "Run jobs and rotate signing keys", Role.SUPER_ADMIN),
    )
}

# Scopes that reach beyond single environments: a key limited to some of them can't have these.
BEYOND_ENVIRONMENTS: ScopeSet = frozenset(
    name for name in SCOPES if name.startswith(("users:", "roles:", "audit:", "system:"))
)

_PLUGIN_SCOPE = re.compile(r"[a-z][a-z0-9_]{0,63}:[a-z][a-z0-9_]{0,63}")


class ScopeTable:
    """The closed scopes together with those of the enabled plugins."""

    __slots__ = ("_by_role", "rules")

    def __init__(self, plugin_scopes: Iterable[ScopeRule] = ()) -> None:
        self.rules: Mapping[str, ScopeRule] = dict(SCOPES) | {
            rule.name: rule for rule in plugin_scopes
        }
        self._by_role = {
            role: frozenset(r.name for r in self.rules.values() if role.reaches(r.min_role))
            for role in Role
        }

    def of_role(self, role: Role) -> ScopeSet:
        """All scopes that `role` has."""
        return self._by_role[role]

    def defaults_for(self, role: Role) -> ScopeSet:
        """What a key of `role` gets when none are asked for."""
        return frozenset(n for n in self._by_role[role] if self.rules[n].default)


@lru_cache(maxsize=4096)
def intersect(role_scopes: ScopeSet, limit: ScopeSet) -> ScopeSet:
    """The scopes in both; remembered, since the same few pairs come with every request."""
    return role_scopes & limit


def is_plugin_scope(name: str) -> bool:
    """True if `name` has the form `<entry point>:<action>` and is none of the closed scopes."""
    return _PLUGIN_SCOPE.fullmatch(name) is not None and name not in SCOPES
