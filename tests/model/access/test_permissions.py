"""What one may do with an environment, cell by cell as the tables say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from agentbox.errors import (
    InsufficientPermission,
    NotFound,
    PermissionExceedsOwn,
    PermissionExceedsRole,
    Problem,
)
from agentbox.model.access import permissions
from agentbox.model.access.permissions import Reason
from agentbox.model.access.roles import Permission, Role
from agentbox.model.evidence import NO_LIMIT, EnvironmentLimit
from agentbox.model.principal import Operator, Principal
from tests.core.world import principal, user_of

ID = "e1"
VIEWER, EDITOR, OWNER = Permission
GRANTS = (None, VIEWER, EDITOR, OWNER)

HELD = {
    # role: what it holds with no grant, viewer, editor, owner
    Role.VIEWER: (None, VIEWER, VIEWER, VIEWER),
    Role.USER: (None, VIEWER, EDITOR, OWNER),
    Role.ADMIN: (VIEWER, VIEWER, EDITOR, OWNER),
    Role.SUPER_ADMIN: (OWNER, OWNER, OWNER, OWNER),
}

LIMITS: dict[str, tuple[Any, Permission | None]] = {
    # a credential's limit, and the most that it leaves on the environment e1
    "a session": (NO_LIMIT, OWNER),
    "a key without anything": (EnvironmentLimit(), None),
    "a key for all, to see": (EnvironmentLimit(VIEWER), VIEWER),
    "a key for all": (EnvironmentLimit(OWNER), OWNER),
    "a key for this one": (EnvironmentLimit(None, {ID: EDITOR}), EDITOR),
    "a key for another": (EnvironmentLimit(None, {"e2": OWNER}), None),
    "a key for all, to see, and more here": (EnvironmentLimit(VIEWER, {ID: OWNER}), OWNER),
    "a key for all, and less here": (EnvironmentLimit(EDITOR, {ID: VIEWER}), EDITOR),
}


def actor(role: Role = Role.USER, limit: Any = NO_LIMIT) -> Principal:
    return principal(user_of(role), environment_limit=limit)


@pytest.mark.parametrize("role", Role)
def test_what_a_user_holds_follows_from_role_and_grant(role: Role) -> None:  # AZ-09
    assert tuple(permissions.held(role, granted) for granted in GRANTS) == HELD[role]


@pytest.mark.parametrize("name", LIMITS)
def test_a_credential_leaves_the_greater_of_its_entry_and_what_it_has_for_all(name: str) -> None:
    limit, most = LIMITS[name]

    assert permissions.limit_on(limit, ID) is most


@pytest.mark.parametrize(
    ("role", "name", "at"), [*itertools.product(Role, LIMITS, range(len(GRANTS)))]
)
def test_the_lesser_of_what_is_held_and_the_limit_counts(role: Role, name: str, at: int) -> None:
    limit, most = LIMITS[name]
    held = HELD[role][at]
    ranks = [GRANTS.index(held), GRANTS.index(most)]

    assert permissions.permission_of(actor(role, limit), ID, GRANTS[at]) is GRANTS[min(ranks)]


def test_the_operator_owns_everything() -> None:
    assert permissions.permission_of(Operator(), ID, None) is OWNER
    assert permissions.sees_all(Operator())
    assert permissions.may_administer(Operator(), ID, None, Role.SUPER_ADMIN)


def test_admins_see_all_environments_and_others_do_not() -> None:
    assert [role for role in Role if permissions.sees_all(actor(role))] == [
        Role.ADMIN,
        Role.SUPER_ADMIN,
    ]


ADMINISTER = {
    # (role, granted): the roles of an environment's user below which it is administered
    (Role.VIEWER, OWNER): (),
    (Role.USER, EDITOR): (),
    (Role.USER, OWNER): tuple(Role),
    (Role.ADMIN, None): (Role.VIEWER, Role.USER),
    (Role.ADMIN, EDITOR): (Role.VIEWER, Role.USER),
    (Role.ADMIN, OWNER): tuple(Role),
    (Role.SUPER_ADMIN, None): tuple(Role),
}


@pytest.mark.parametrize(("role", "granted"), ADMINISTER)
def test_owners_administer_and_admins_those_of_users_below_them(
    role: Role, granted: Permission | None
) -> None:
    may = [of for of in Role if permissions.may_administer(actor(role), ID, granted, of)]

    assert tuple(may) == ADMINISTER[role, granted]


@pytest.mark.parametrize("limit", [EnvironmentLimit(EDITOR), EnvironmentLimit(None, {ID: VIEWER})])
def test_no_admins_key_administers_beyond_its_limit(limit: EnvironmentLimit) -> None:  # AK-04
    assert not permissions.may_administer(actor(Role.ADMIN, limit), ID, None, Role.USER)


def required(has: Permission | None, needed: Permission, **more: Any) -> Permission | type[Problem]:
    try:
        return permissions.require_permission(actor(), ID, has, needed, **more)
    except (NotFound, InsufficientPermission) as problem:
        return type(problem)


def test_an_environment_is_not_there_for_those_who_hold_nothing_on_it() -> None:  # AZ-07
    assert {required(None, needed) for needed in Permission} == {NotFound}


@pytest.mark.parametrize(("has", "needed"), [*itertools.product(Permission, Permission)])
def test_too_little_is_refused_and_enough_is_given_back(
    has: Permission, needed: Permission
) -> None:
    assert required(has, needed) == (has if has.rank >= needed.rank else InsufficientPermission)


def test_administering_stands_for_a_permission_where_that_is_said() -> None:
    admin = actor(Role.ADMIN)

    assert permissions.require_permission(admin, ID, None, OWNER, owner_role=Role.USER) is VIEWER
    with pytest.raises(InsufficientPermission):
        permissions.require_permission(admin, ID, None, OWNER, owner_role=Role.ADMIN)
    with pytest.raises(InsufficientPermission):
        permissions.require_permission(admin, ID, None, OWNER)


def given(
    asked: Permission,
    granted: Permission | None,
    *,
    role: Role = Role.USER,
    limit: Any = NO_LIMIT,
) -> type[Problem] | None:
    try:
        permissions.require_given(actor(role, limit), role, ID, granted, asked)
    except Problem as problem:
        return type(problem)
    return None


@pytest.mark.parametrize(
    ("asked", "granted", "more", "told"),
    [
        (OWNER, OWNER, {}, None),
        (OWNER, EDITOR, {}, PermissionExceedsOwn),
        (VIEWER, None, {}, NotFound),
        (VIEWER, None, {"role": Role.ADMIN}, None),
        (EDITOR, None, {"role": Role.ADMIN}, PermissionExceedsOwn),
        (OWNER, None, {"role": Role.SUPER_ADMIN}, None),
        (EDITOR, OWNER, {"role": Role.VIEWER}, PermissionExceedsRole),
        (EDITOR, OWNER, {"limit": EnvironmentLimit(VIEWER)}, PermissionExceedsOwn),
        (EDITOR, OWNER, {"limit": EnvironmentLimit(None, {ID: EDITOR})}, None),
        (VIEWER, OWNER, {"limit": EnvironmentLimit(None, {"e2": OWNER})}, NotFound),
    ],
)
def test_a_key_is_given_no_more_than_its_maker_and_owner_have(  # AK-03
    asked: Permission, granted: Permission | None, more: dict[str, Any], told: Any
) -> None:
    assert given(asked, granted, **more) is told


def test_a_question_has_one_of_three_answers() -> None:
    assert permissions.judge_permission(None, VIEWER) is Reason.NO_PERMISSION
    assert permissions.judge_permission(VIEWER, EDITOR) is Reason.INSUFFICIENT_PERMISSION
    assert permissions.judge_permission(OWNER, EDITOR) is Reason.OK
