"""Who may do what: the order of checks, rank, and the scopes of a new key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
from agentbox.model.access.decisions import (
    FRESH_FOR,
    authorise,
    key_scopes,
    outranks,
    require_rank,
    require_scope,
    require_unlimited_for,
    visible_key_owner_roles,
)
from agentbox.model.access.roles import Role
from agentbox.model.access.route import ANY, SESSION, Access, scoped
from agentbox.model.access.scopes import BEYOND_ENVIRONMENTS, ScopeTable
from agentbox.model.evidence import NO_LIMIT, CredentialRef, SubjectRef
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Operator, Principal
from agentbox.model.users import Status, User

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TABLE = ScopeTable()
RESTRICTED = (PASSWORD_CHANGE_REQUIRED,)
OWN = {"user_id": "u1"}
OTHERS = {"user_id": "u2"}


def caller(role: Role = Role.USER, *, kind: str = "session", **fields: Any) -> Principal:
    user = User(
        id="u1",
        username="alice",
        email=None,
        email_verified=False,
        role=role,
        status=Status.ACTIVE,
        password_change_required=False,
        created_at=NOW,
        updated_at=NOW,
    )
    values: dict[str, Any] = {
        "subject": SubjectRef("user", "u1"),
        "user": user,
        "role": role,
        "scopes": TABLE.of_role(role),
        "environment_limit": NO_LIMIT,
        "credential": CredentialRef(kind=kind, id="c", authenticator_id="a"),
        "evaluated_at": NOW,
        "auth_time": NOW if kind == "session" else None,
    }
    return Principal(**(values | fields))


def check(access: Access, who: Principal, path: dict[str, str] | None = None) -> None:
    authorise(access, who, path or {}, scopes=TABLE, now=NOW)


def test_any_credential_is_enough_for_a_route_that_asks_for_any() -> None:
    check(ANY, caller(kind="api_key", scopes=frozenset()))


def test_a_scope_that_one_has_opens() -> None:
    check(scoped("self:read"), caller())


# AK-04
def test_a_key_without_the_scope_is_told_which() -> None:
    with pytest.raises(InsufficientScope) as refused:
        check(scoped("self:read"), caller(kind="api_key", scopes=frozenset({"metrics:read"})))
    assert refused.value.scope == "self:read"


def test_a_role_without_the_scope_is_told_so_and_not_of_the_scope() -> None:
    with pytest.raises(InsufficientRole):
        check(scoped("users:read"), caller(Role.USER, kind="api_key"))


def test_a_plugins_credential_is_no_session() -> None:
    with pytest.raises(SessionRequired):
        check(SESSION, caller(kind="example:ticket"))


def test_a_key_is_no_session() -> None:
    with pytest.raises(SessionRequired):
        check(SESSION, caller(Role.SUPER_ADMIN, kind="api_key"))


def test_a_lowest_role_is_asked_of_everybody() -> None:
    with pytest.raises(InsufficientRole):
        check(Access(kind="any", min_role=Role.ADMIN), caller(Role.USER))


@pytest.mark.parametrize("access", [ANY, SESSION, scoped("self:read")], ids=repr)
def test_a_restricted_session_opens_nothing(access: Access) -> None:
    with pytest.raises(PasswordChangeRequired):
        check(access, caller(restrictions=RESTRICTED))


def test_a_restricted_session_opens_what_is_made_for_it() -> None:
    check(Access(kind="session", allow_restricted=True), caller(restrictions=RESTRICTED))


# The order of checks: each refusal comes before all that stand below it.
REFUSALS: list[tuple[type[Exception], dict[str, Any], dict[str, Any]]] = [
    (PasswordChangeRequired, {}, {"restrictions": RESTRICTED}),
    (InsufficientRole, {"min_role": Role.ADMIN}, {}),
    (InsufficientScope, {"kind": "scoped", "scope": "self:read"}, {"scopes": frozenset()}),
    (InsufficientUserAuthentication, {"fresh": True}, {"auth_time": None}),
]


@pytest.mark.parametrize("first", range(len(REFUSALS)))
def test_refusals_come_in_their_order(first: int) -> None:
    access: dict[str, Any] = {"kind": "any"}
    fields: dict[str, Any] = {}
    for _, asks, has in REFUSALS[first:]:
        access |= asks
        fields |= has

    with pytest.raises(REFUSALS[first][0]):
        check(Access(**access), caller(**fields))


OWN_RECORD = scoped("users:read", self_scope="self:read")


def test_ones_own_record_needs_the_scope_of_oneself() -> None:
    check(OWN_RECORD, caller(Role.VIEWER), OWN)


def test_anothers_record_needs_the_scope_of_others() -> None:
    with pytest.raises(InsufficientRole):
        check(OWN_RECORD, caller(Role.VIEWER), OTHERS)


def test_ones_own_record_is_not_opened_by_the_scope_of_others() -> None:
    only_others = caller(Role.ADMIN, kind="api_key", scopes=frozenset({"users:read"}))

    with pytest.raises(InsufficientScope) as refused:
        check(OWN_RECORD, only_others, OWN)
    assert refused.value.scope == "self:read"


def test_a_path_without_a_user_is_not_ones_own() -> None:
    with pytest.raises(InsufficientRole):
        check(OWN_RECORD, caller(Role.VIEWER), {"key_id": "u1"})


def test_a_sign_in_of_ten_minutes_ago_is_fresh() -> None:
    check(Access(kind="session", fresh=True), caller(auth_time=NOW - FRESH_FOR))


def test_an_older_one_is_not() -> None:
    old = caller(auth_time=NOW - FRESH_FOR - timedelta(microseconds=1))

    with pytest.raises(InsufficientUserAuthentication) as refused:
        check(Access(kind="session", fresh=True), old)
    assert refused.value.members == {"max_age": 600}


def test_a_key_is_never_fresh() -> None:
    with pytest.raises(InsufficientUserAuthentication):
        check(Access(kind="any", fresh=True), caller(kind="api_key"))


# --- scopes that a body asks for ------------------------------------------------------------------


def test_the_operator_has_every_scope() -> None:
    require_scope(Operator(), "system:write", TABLE)


def test_a_scope_that_the_role_lacks_is_a_matter_of_the_role() -> None:
    with pytest.raises(InsufficientRole):
        require_scope(caller(Role.USER), "roles:write", TABLE)


def test_a_scope_that_the_key_lacks_is_a_matter_of_the_scope() -> None:
    with pytest.raises(InsufficientScope):
        require_scope(caller(Role.ADMIN, kind="api_key", scopes=frozenset()), "roles:write", TABLE)


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(InsufficientRole):
        require_scope(caller(Role.SUPER_ADMIN), "no:such", TABLE)


# --- rank ---------------------------------------------------------------------------------------


# AZ-02, AZ-03
@pytest.mark.parametrize("actor", Role)
@pytest.mark.parametrize("target", Role)
def test_one_acts_on_lower_ranks_and_a_super_admin_on_all(actor: Role, target: Role) -> None:
    assert outranks(caller(actor), target) is (
        actor is Role.SUPER_ADMIN or actor.rank > target.rank
    )


@pytest.mark.parametrize("target", Role)
def test_the_operator_acts_on_all(target: Role) -> None:
    require_rank(Operator(), target)


def test_an_equal_is_refused() -> None:
    with pytest.raises(InsufficientRank):
        require_rank(caller(Role.ADMIN), Role.ADMIN)


VISIBLE = {
    Role.VIEWER: (),
    Role.USER: (Role.VIEWER,),
    Role.ADMIN: (Role.VIEWER, Role.USER),
    Role.SUPER_ADMIN: tuple(Role),
}


@pytest.mark.parametrize("role", Role)
def test_keys_of_lower_ranks_are_seen(role: Role) -> None:
    assert visible_key_owner_roles(caller(role)) == VISIBLE[role]


# --- scopes of a new key ------------------------------------------------------------------------


def ask(asked: set[str] | None, maker: Principal | Operator, role: Role = Role.USER) -> Any:
    return key_scopes(None if asked is None else frozenset(asked), maker, role, TABLE)


def test_unasked_a_key_gets_the_default_scopes() -> None:
    assert ask(None, caller()) == TABLE.defaults_for(Role.USER)


def test_unasked_it_gets_no_more_than_its_maker_has() -> None:
    maker = caller(kind="api_key", scopes=frozenset({"self:read", "api_keys:write"}))

    assert ask(None, maker) == {"self:read"}


def test_unasked_of_a_maker_with_no_default_scope_it_is_refused() -> None:
    with pytest.raises(ScopeExceedsOwn):
        ask(None, caller(kind="api_key", scopes=frozenset({"api_keys:write"})))


# AK-03
@pytest.mark.parametrize("asked", [{"users:read"}, {"self:read", "system:write"}, {"*"}, {"x:y"}])
def test_what_the_maker_lacks_is_refused(asked: set[str]) -> None:
    with pytest.raises(ScopeExceedsOwn):
        ask(asked, caller())


def test_a_refusal_names_what_was_too_much() -> None:
    with pytest.raises(ScopeExceedsOwn) as refused:
        ask({"self:read", "users:read", "audit:read"}, caller())
    assert refused.value.members == {"scopes": ["audit:read", "users:read"]}


def test_asked_for_it_is_stored_as_given() -> None:
    assert ask({"environments:write"}, caller()) == {"environments:write"}


def test_the_operator_gives_all_that_the_owner_may_have() -> None:
    assert ask({"users:read"}, Operator(), Role.ADMIN) == {"users:read"}


def test_the_operator_gives_nothing_beyond_the_owner() -> None:
    with pytest.raises(ScopeExceedsOwn):
        ask({"users:read"}, Operator(), Role.USER)


@pytest.mark.parametrize("scope", sorted(BEYOND_ENVIRONMENTS))
def test_a_limited_key_has_no_scope_beyond_environments(scope: str) -> None:
    with pytest.raises(ScopeConflict):
        require_unlimited_for(frozenset({scope, "self:read"}))


def test_a_limited_key_has_all_the_others() -> None:
    require_unlimited_for(TABLE.of_role(Role.SUPER_ADMIN) - BEYOND_ENVIRONMENTS)
