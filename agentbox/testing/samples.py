"""Records to store, complete and valid; every field can be replaced by keyword."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from agentbox.model.access.roles import Permission, Role
from agentbox.model.api_keys import ApiKey, KeyPermission
from agentbox.model.audit import AuditEvent
from agentbox.model.environments import (
    Environment,
    EnvironmentReport,
    EnvironmentStatus,
    Grant,
)
from agentbox.model.sessions import LoginFlow, Session
from agentbox.model.signing_keys import SigningKey
from agentbox.model.users import LinkedIdentity, PasswordRecord, PasswordReset, Status, User

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""The time of most samples; it has microseconds on purpose."""

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)

T = TypeVar("T", bound=msgspec.Struct)


def a_user(id_: str = "user-1", **fields: Any) -> User:
    """A user named after its id, without an e-mail address."""
    user = User(
        id=id_,
        username=f"name-of-{id_}",
        email=None,
        email_verified=False,
        role=Role.USER,
        status=Status.ACTIVE,
        password_change_required=False,
        created_at=NOON,
        updated_at=NOON,
    )
    return _replaced(user, fields)


def a_password(user_id: str = "user-1", **fields: Any) -> PasswordRecord:
    """A password hash that no hasher made."""
    return _replaced(PasswordRecord(user_id, "$argon2id$sample$one", NOON), fields)


def a_password_reset(user_id: str = "user-1", **fields: Any) -> PasswordReset:
    """A reset secret that waits for an hour."""
    reset = PasswordReset(user_id, a_digest(user_id), NOON, NOON + HOUR)
    return _replaced(reset, fields)


def an_identity(id_: str = "identity-1", **fields: Any) -> LinkedIdentity:
    """A sign-in of `user-1` at another site, whose subject is told by its id."""
    identity = LinkedIdentity(
        id=id_,
        user_id="user-1",
        issuer="https://id.example.org",
        subject=f"subject-of-{id_}",
        provider="example",
        email=f"{id_}@example.org",
        linked_at=NOON,
    )
    return _replaced(identity, fields)


def a_session(id_: str = "session-1", **fields: Any) -> Session:
    """A live session of `user-1`, an hour long, at its first refresh token."""
    session = Session(
        id=id_,
        user_id="user-1",
        authenticator_id="password",
        created_at=NOON,
        expires_at=NOON + HOUR,
        auth_time=NOON,
        amr=("pwd",),
        nonce=bytes(range(16)),
        idle_until=NOON + HOUR,
        last_used=NOON,
    )
    return _replaced(session, fields)


def a_login_flow(id_: str = "flow-1", **fields: Any) -> LoginFlow:
    """A login that waits for another hour."""
    flow = LoginFlow(
        id=id_,
        authenticator_id="totp",
        sealed_state=bytes(range(256)),
        expires_at=NOON + HOUR,
    )
    return _replaced(flow, fields)


def an_api_key(id_: str = "key-1", **fields: Any) -> ApiKey:
    """A live key of `user-1` without expiry."""
    key = ApiKey(
        id=id_,
        user_id="user-1",
        name="a key",
        description=None,
        key_prefix=f"ak_test_{id_}",
        scopes=("self:read", "metrics:read"),
        all_environments=Permission.VIEWER,
        created_at=NOON,
    )
    return _replaced(key, fields)


def an_entry(environment_id: str = "environment-1", **fields: Any) -> KeyPermission:
    """What a key may do at most on one environment."""
    entry = KeyPermission(
        id=f"entry-of-{environment_id}",
        environment_id=environment_id,
        permission=Permission.EDITOR,
        created_at=NOON,
    )
    return _replaced(entry, fields)


def a_digest(key_id: str = "key-1") -> bytes:
    """32 bytes that differ with the id and hold every kind of byte."""
    return bytes((index * 37 + sum(key_id.encode())) % 256 for index in range(31)) + b"\x00"


def a_signing_key(id_: str = "signing-1", **fields: Any) -> SigningKey:
    """A signing key; what is sealed in it is nothing."""
    key = SigningKey(
        id=id_,
        algorithm="ES256",
        public_jwk={"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"},
        sealed_private_key=bytes(range(256)),
        created_at=NOON,
    )
    return _replaced(key, fields)


def an_event(id_: str = "event-1", **fields: Any) -> AuditEvent:
    """A row of the audit with details of every type."""
    event = AuditEvent(
        id=id_,
        time=NOON,
        event="user.create",
        actor="user:admin",
        target="user:user-1",
        address="2001:db8::1",
        request_id="request-1",
        details={"field": "role", "count": 3, "first": True, "before": None},
    )
    return _replaced(event, fields)


def an_environment(id_: str = "environment-1", **fields: Any) -> Environment:
    """A running environment of `user-1`, named after its id, without labels."""
    environment = Environment(
        id=id_,
        user_id="user-1",
        name=f"name of {id_}",
        status=EnvironmentStatus.RUNNING,
        created_at=NOON,
    )
    return _replaced(environment, fields)


def a_report(environment_id: str = "environment-1", **fields: Any) -> EnvironmentReport:
    """What an environment that does a little says of itself at noon."""
    report = EnvironmentReport(
        environment_id=environment_id,
        reported_at=NOON,
        cpu_millicores=250.5,
        memory_bytes=3 * 1024**3 + 1,
        sandboxes=2,
    )
    return _replaced(report, fields)


def a_grant(id_: str = "grant-1", **fields: Any) -> Grant:
    """`user-1` may look at `environment-1`, as the operator said."""
    grant = Grant(
        id=id_,
        user_id="user-1",
        environment_id="environment-1",
        permission=Permission.VIEWER,
        granted_at=NOON,
    )
    return _replaced(grant, fields)


def _replaced(record: T, fields: dict[str, Any]) -> T:
    return msgspec.structs.replace(record, **fields)
