"""The closed table of scopes, and what plugins may add."""

from __future__ import annotations

import pytest

from agentbox.model.access.roles import Role
from agentbox.model.access.scopes import (
    BEYOND_ENVIRONMENTS,
    SCOPES,
    ScopeRule,
    ScopeTable,
    intersect,
    is_plugin_scope,
)

VIEWER, USER, ADMIN, SUPER_ADMIN = Role.VIEWER, Role.USER, Role.ADMIN, Role.SUPER_ADMIN

# What was decided: (scope, the lowest role that has it, whether a key gets it unasked).
DECIDED = [
    ("self:read", VIEWER, True),
    ("self:write", VIEWER, False),
    ("environments:read", VIEWER, True),
    ("environments:report", USER, True),
    ("environments:create", USER, False),
    ("environments:write", USER, False),
    ("environments:share", USER, False),
    ("metrics:read", VIEWER, True),
    ("api_keys:read", VIEWER, False),
    ("api_keys:write", VIEWER, False),
    ("users:read", ADMIN, False),
    ("users:write", ADMIN, False),
    ("users:credentials", ADMIN, False),
    ("roles:write", ADMIN, False),
    ("audit:read", ADMIN, False),
    ("system:read", ADMIN, False),
    ("system:write", SUPER_ADMIN, False),
]
TABLE = ScopeTable()


def test_the_table_is_the_one_that_was_decided() -> None:
    assert [(rule.name, rule.min_role, rule.default) for rule in SCOPES.values()] == DECIDED


def test_every_scope_is_described() -> None:
    assert [rule.name for rule in SCOPES.values() if not rule.description] == []


@pytest.mark.parametrize("role", Role)
def test_a_role_has_the_scopes_from_its_rank_down(role: Role) -> None:
    assert TABLE.of_role(role) == {name for name, lowest, _ in DECIDED if lowest.rank <= role.rank}


@pytest.mark.parametrize("role", Role)
def test_a_key_gets_the_default_scopes_that_its_role_has(role: Role) -> None:
    assert TABLE.defaults_for(role) == {
        name for name, lowest, default in DECIDED if default and lowest.rank <= role.rank
    }


def test_what_reaches_beyond_environments_is_named() -> None:
    assert {
        "users:read",
        "users:write",
        "users:credentials",
        "roles:write",
        "audit:read",
        "system:read",
        "system:write",
    } == BEYOND_ENVIRONMENTS


def test_a_plugins_scope_is_had_from_its_role_on() -> None:
    table = ScopeTable([ScopeRule("example:poke", "Poke", ADMIN)])

    assert [role for role in Role if "example:poke" in table.of_role(role)] == [ADMIN, SUPER_ADMIN]


def test_the_closed_table_knows_no_plugins_scope() -> None:
    ScopeTable([ScopeRule("example:poke", "Poke", VIEWER)])

    assert "example:poke" not in ScopeTable().of_role(SUPER_ADMIN)


@pytest.mark.parametrize("name", ["example:poke", "my_plugin2:do_it"])
def test_a_plugins_scope_names_plugin_and_action(name: str) -> None:
    assert is_plugin_scope(name)


@pytest.mark.parametrize(
    "name",
    ["users:write", "poke", "example:", ":poke", "Example:poke", "a:b:c", "a:b\n", "*", "a:*", ""],
)
def test_nothing_else_is_a_plugins_scope(name: str) -> None:
    assert not is_plugin_scope(name)


def test_an_intersection_is_what_both_have() -> None:
    assert intersect(frozenset({"a", "b"}), frozenset({"b", "c"})) == {"b"}
