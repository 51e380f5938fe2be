"""Roles and permissions have a rank, and a route says what it asks."""

from __future__ import annotations

import pytest

from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.route import ANY, PUBLIC, SESSION, Access, scoped


def test_roles_rank_as_decided() -> None:
    assert [(role.value, role.rank) for role in Role] == [
        ("viewer", 0),
        ("user", 1),
        ("admin", 2),
        ("super_admin", 3),
    ]


def test_permissions_rank_as_decided() -> None:
    assert [(permission.value, permission.rank) for permission in Permission] == [
        ("viewer", 0),
        ("editor", 1),
        ("owner", 2),
    ]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("lowest", Role)
def test_a_role_reaches_itself_and_what_is_below(role: Role, lowest: Role) -> None:
    assert role.reaches(lowest) is (role.rank >= lowest.rank)


def test_a_scoped_route_names_its_scope() -> None:
    with pytest.raises(ValueError, match="scope"):
        Access(kind="scoped")


@pytest.mark.parametrize("kind", ["public", "any", "session"])
def test_no_other_route_names_one(kind: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        Access(kind=kind, scope="self:read")  # type: ignore[arg-type]


@pytest.mark.parametrize("access", [PUBLIC, ANY, SESSION, scoped("self:read")], ids=repr)
def test_restricted_sessions_and_expired_tokens_are_let_in_by_name_only(access: Access) -> None:
    assert (access.allow_restricted, access.allow_expired, access.fresh) == (False, False, False)
