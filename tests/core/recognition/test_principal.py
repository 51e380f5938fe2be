"""From evidence and current state to a principal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from agentbox.core.recognition.state import SubjectState, principal_of
from agentbox.errors import InvalidToken
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import ScopeRule, ScopeTable
from agentbox.model.api_keys import ApiKey
from agentbox.model.evidence import NO_LIMIT, Authentication, CredentialRef, EnvironmentLimit
from agentbox.model.principal import Principal
from agentbox.model.sessions import Session
from agentbox.model.users import Status, User
from tests.core.world import SCOPES, START, UNLIMITED, key_evidence, session_evidence, user_of

LATER = START + timedelta(hours=1)


def session_of(user: User, **fields: Any) -> Session:
    values: dict[str, Any] = {
        "id": "s1",
        "user_id": user.id,
        "authenticator_id": "password",
        "created_at": START,
        "expires_at": LATER,
        "auth_time": START,
        "amr": ("pwd",),
    }
    return Session(**(values | fields))


def key_of(user: User, *scopes: str, **fields: Any) -> ApiKey:
    values: dict[str, Any] = {
        "id": "k1",
        "user_id": user.id,
        "name": None,
        "description": None,
        "key_prefix": "ak_live_k1",
        "scopes": scopes,
        "all_environments": Permission.EDITOR,
        "created_at": START,
    }
    return ApiKey(**(values | fields))


def by_session(user: User, session: Session | None = None, **evidence: Any) -> Principal:
    session = session or session_of(user)
    state = SubjectState(user, session, None, frozenset())
    return principal_of(
        session_evidence(user, session, **evidence), state, scopes=SCOPES, now=START
    )


def by_key(user: User, key: ApiKey, **evidence: Any) -> Principal:
    state = SubjectState(user, None, key, frozenset(key.scopes))
    return principal_of(key_evidence(user, key, **evidence), state, scopes=SCOPES, now=START)


@pytest.mark.parametrize("role", Role)
def test_a_session_has_all_scopes_of_the_current_role(role: Role) -> None:
    assert by_session(user_of(role)).scopes == SCOPES.of_role(role)


# AK-04
def test_a_key_has_what_it_was_given_within_the_role() -> None:
    user = user_of(Role.USER)

    assert by_key(user, key_of(user, "self:read", "users:read")).scopes == {"self:read"}


def test_promotion_gives_a_key_back_what_demotion_took() -> None:
    user = user_of(Role.ADMIN)
    key = key_of(user, "self:read", "users:read")
    before = by_key(user, key).scopes
    demoted = by_key(replace(user, role=Role.USER), key).scopes
    promoted = by_key(replace(user, role=Role.ADMIN), key).scopes

    assert (demoted, promoted) == (frozenset({"self:read"}), before)


def test_a_key_without_scopes_has_none() -> None:
    user = user_of(Role.SUPER_ADMIN)

    assert by_key(user, key_of(user)).scopes == frozenset()


def test_evidence_limits_the_scopes_further() -> None:
    limited = by_session(user_of(Role.ADMIN), scope_limit=frozenset({"self:read", "no:such"}))

    assert limited.scopes == {"self:read"}


def test_an_empty_limit_is_nothing_at_all() -> None:
    assert by_session(user_of(Role.ADMIN), scope_limit=frozenset()).scopes == frozenset()


def test_a_key_is_limited_to_the_environments_of_its_row() -> None:
    user = user_of()

    assert by_key(user, key_of(user)).environment_limit == EnvironmentLimit(Permission.EDITOR)


def test_a_session_is_not_limited_to_environments() -> None:
    assert by_session(user_of()).environment_limit is NO_LIMIT


def test_a_session_must_change_its_password_if_the_user_must() -> None:
    user = user_of(password_change_required=True)

    assert by_session(user).restrictions == ("password_change_required",)


def test_a_key_of_that_user_is_not_restricted() -> None:
    user = user_of(password_change_required=True)

    assert by_key(user, key_of(user, "self:read")).restrictions == ()


def test_when_and_how_comes_from_the_session_and_not_from_the_token() -> None:
    claimed = by_session(user_of(), auth_time=LATER, amr=("hwk",))

    assert (claimed.auth_time, claimed.amr) == (START, ("pwd",))


def test_only_a_session_has_a_session_id() -> None:
    user = user_of()

    assert by_key(user, key_of(user), session_id="s1").session_id is None


@pytest.mark.parametrize("status", [Status.INACTIVE, Status.SUSPENDED])
def test_a_user_who_is_not_active_is_nobody(status: Status) -> None:
    with pytest.raises(InvalidToken):
        by_session(user_of(status=status))


SESSIONS_THAT_DO_NOT_HOLD = {
    "ended": {"ended_at": START},
    "over": {"expires_at": START},
    "somebody else's": {"user_id": "another"},
}


@pytest.mark.parametrize(
    "fields", SESSIONS_THAT_DO_NOT_HOLD.values(), ids=[*SESSIONS_THAT_DO_NOT_HOLD]
)
def test_a_session_that_does_not_hold_is_refused(fields: dict[str, Any]) -> None:
    user = user_of()

    with pytest.raises(InvalidToken):
        by_session(user, session_of(user, **fields))


KEYS_THAT_DO_NOT_HOLD = {
    "revoked": {"revoked_at": START},
    "expired": {"expires_at": START},
    "somebody else's": {"user_id": "another"},
}


@pytest.mark.parametrize("fields", KEYS_THAT_DO_NOT_HOLD.values(), ids=[*KEYS_THAT_DO_NOT_HOLD])
def test_a_key_that_does_not_hold_is_refused(fields: dict[str, Any]) -> None:
    user = user_of()

    with pytest.raises(InvalidToken):
        by_key(user, key_of(user, "self:read", **fields))


@pytest.mark.parametrize("kind", ["session", "api_key"])
def test_a_credential_whose_row_is_gone_is_refused(kind: str) -> None:
    user = user_of()
    evidence = Authentication(
        subject=session_evidence(user, session_of(user)).subject,
        credential=CredentialRef(kind=kind, id="gone", authenticator_id="x"),
        **UNLIMITED,
    )
    state = SubjectState(user, None, None, frozenset())

    with pytest.raises(InvalidToken):
        principal_of(evidence, state, scopes=SCOPES, now=START)


def test_scopes_of_plugins_are_those_of_the_role_too() -> None:
    table = ScopeTable([ScopeRule("example:poke", "Poke", Role.ADMIN)])
    user = user_of(Role.ADMIN)
    session = session_of(user)
    state = SubjectState(user, session, None, frozenset())
    made = principal_of(session_evidence(user, session), state, scopes=table, now=START)

    assert "example:poke" in made.scopes
