"""The core's parts, put together by hand over a real database, with a clock that tests move."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agentbox.core.audit.refusals import Refusals
from agentbox.core.background.events import EventQueue
from agentbox.core.changes import Changes
from agentbox.core.counters import Counters
from agentbox.core.guesses import Guesses, GuessLimits
from agentbox.core.keys.api_keys import ApiKeys
from agentbox.core.paging import Pages
from agentbox.core.people.passwords import Passwords
from agentbox.core.people.recovery import Recovery
from agentbox.core.people.sessions import Sessions
from agentbox.core.people.users import Users
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.start.root_secret import RootSecret
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import ScopeTable
from agentbox.model.api_keys import ApiKey
from agentbox.model.audit import AuditEvent
from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    CredentialRef,
    SubjectRef,
)
from agentbox.model.formats.api_key import KeyFormat
from agentbox.model.ids import new_id
from agentbox.model.principal import Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.throttles import GuessLimit
from agentbox.model.users import PasswordRecord, PasswordReset, Status, User
from agentbox.plugin.authenticator import PasswordHasher
from agentbox.plugin.policy import PasswordPolicy
from agentbox.plugin.storage import Storage

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HERE = Origin(address="192.0.2.7", user_agent="a test", request_id="req-1")
SCOPES = ScopeTable()
UNLIMITED: dict[str, Any] = {"scope_limit": NO_LIMIT, "environment_limit": NO_LIMIT}


MINUTES = timedelta(minutes=5)
LIMITS = GuessLimits(
    account_address=GuessLimit(5, MINUTES),
    account=GuessLimit(10, MINUTES),
    address=GuessLimit(50, MINUTES),
    total=GuessLimit(1000, MINUTES),
)


class ManualClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.instant = START

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return (self.instant - START).total_seconds() + 1000.0

    def move(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class Recorder:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **values: self.lines.append((event, values))


class PlainHasher(PasswordHasher):
    """A hash that costs nothing."""

    async def hash(self, password: Secret) -> str:
        return "plain:" + hashlib.sha256(password.reveal().encode()).hexdigest()

    async def matches(self, password_hash: str, password: Secret) -> bool:
        return password_hash == await self.hash(password)


def user_of(role: Role = Role.USER, username: str | None = None, **fields: Any) -> User:
    user_id = new_id()
    values: dict[str, Any] = {
        "id": user_id,
        "username": username or f"u-{user_id[:12]}",
        "email": None,
        "email_verified": False,
        "role": role,
        "status": Status.ACTIVE,
        "password_change_required": False,
        "created_at": START,
        "updated_at": START,
    }
    return User(**(values | fields))


async def add_user(
    storage: Storage, role: Role = Role.USER, *, password: str | None = None, **fields: Any
) -> User:
    user = user_of(role, **fields)
    async with storage.transaction() as tx:
        await tx.users.add(user)
        if password is not None:
            hashed = await PlainHasher().hash(Secret(password))
            await tx.passwords.put(PasswordRecord(user.id, hashed, START))
    return user


async def add_session(storage: Storage, user: User, **fields: Any) -> Session:
    values: dict[str, Any] = {
        "id": new_id(),
        "user_id": user.id,
        "authenticator_id": "password",
        "created_at": START,
        "expires_at": START + timedelta(days=30),
        "auth_time": START,
        "amr": ("pwd",),
    }
    session = Session(**(values | fields))
    async with storage.transaction() as tx:
        await tx.sessions.add(session)
    return session


async def add_key(storage: Storage, user: User, scopes: Sequence[str], **fields: Any) -> ApiKey:
    made = KeyFormat("ak_live_", ()).generate()
    values: dict[str, Any] = {
        "id": made.id,
        "user_id": user.id,
        "name": None,
        "description": None,
        "key_prefix": made.shown,
        "scopes": tuple(scopes),
        "all_environments": Permission.VIEWER,
        "created_at": START,
    }
    key = ApiKey(**(values | fields))
    async with storage.transaction() as tx:
        await tx.api_keys.add(key, made.digest)
    return key


def session_evidence(user: User, session: Session, **fields: Any) -> Authentication:
    return Authentication(
        subject=SubjectRef("user", user.id),
        credential=CredentialRef(kind="session", id=session.id, authenticator_id="jwt"),
        session_id=session.id,
        **(UNLIMITED | fields),
    )


def key_evidence(user: User, key: ApiKey, **fields: Any) -> Authentication:
    return Authentication(
        subject=SubjectRef("user", user.id),
        credential=CredentialRef(
            kind="api_key", id=key.id, authenticator_id="apikey", expires_at=key.expires_at
        ),
        **(UNLIMITED | fields),
    )


def principal(user: User, **fields: Any) -> Principal:
    """A principal with all scopes of its role, by a session unless told otherwise."""
    values: dict[str, Any] = {
        "subject": SubjectRef("user", user.id),
        "user": user,
        "role": user.role,
        "scopes": SCOPES.of_role(user.role),
        "environment_limit": NO_LIMIT,
        "credential": CredentialRef(kind="session", id="s", authenticator_id="jwt"),
        "evaluated_at": START,
        "auth_time": START,
    }
    return Principal(**(values | fields))


async def signed_in(storage: Storage, user: User, **fields: Any) -> Principal:
    """The principal of a new session of `user`."""
    session = await add_session(storage, user)
    credential = CredentialRef(kind="session", id=session.id, authenticator_id="jwt")
    return principal(user, credential=credential, session_id=session.id, **fields)


async def with_key(storage: Storage, user: User, scopes: Sequence[str], **key: Any) -> Principal:
    """The principal of a new API key of `user`."""
    made = await add_key(storage, user, scopes, **key)
    credential = CredentialRef(
        kind="api_key", id=made.id, authenticator_id="apikey", expires_at=made.expires_at
    )
    return principal(
        user,
        credential=credential,
        scopes=frozenset(scopes) & SCOPES.of_role(user.role),
        environment_limit=made.environment_limit,
    )


class Told(EventQueue):
    """Keeps what plugins would be told."""

    def __init__(self, events: list[AuditEvent], counters: Counters) -> None:
        super().__init__(lambda event: (), counters)
        self._events = events

    def put(self, event: AuditEvent) -> None:
        self._events.append(event)


@dataclass
class World:
    """Use cases over one database."""

    storage: Storage
    clock: ManualClock = field(default_factory=ManualClock)
    counters: Counters = field(default_factory=Counters)
    events: list[AuditEvent] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    policies: list[PasswordPolicy] = field(default_factory=list)
    hasher: PasswordHasher | None = field(default_factory=PlainHasher)

    def __post_init__(self) -> None:
        self.queue = Told(self.events, self.counters)
        self.dispatcher = Dispatcher(self.clock, self.counters)
        self.changes = Changes(self.storage, self.clock, SCOPES, self.queue)
        self.refusals = Refusals(self.storage, self.clock, self.counters, self.queue)
        self.guesses = Guesses(
            LIMITS,
            storage=self.storage,
            clock=self.clock,
            counters=self.counters,
            refusals=self.refusals,
        )
        self.passwords = Passwords(
            hasher=Named("hasher", self.hasher) if self.hasher else None,
            policies=[Named(f"p{at}", policy) for at, policy in enumerate(self.policies)],
            dispatcher=self.dispatcher,
            storage=self.storage,
            changes=self.changes,
            guesses=self.guesses,
            forget_initial_password=lambda: self.forgotten.append("forgotten"),
            methods=["password"],
        )
        self.cursors = RootSecret([bytes(32)]).for_use("cursor")
        self.users = Users(
            storage=self.storage,
            changes=self.changes,
            passwords=self.passwords,
            scopes=SCOPES,
            pages=Pages(self.cursors, "users"),
        )
        self.recovery = Recovery(changes=self.changes, passwords=self.passwords, scopes=SCOPES)
        self.sessions = Sessions(
            storage=self.storage,
            changes=self.changes,
            clock=self.clock,
            scopes=SCOPES,
            pages=Pages(self.cursors, "sessions"),
        )
        self.api_keys = self.keys(max_lifetime=None)

    def keys(self, *, max_lifetime: timedelta | None) -> ApiKeys:
        return ApiKeys(
            storage=self.storage,
            changes=self.changes,
            clock=self.clock,
            scopes=SCOPES,
            key_format=KeyFormat("ak_live_", ()),
            max_lifetime=max_lifetime,
            pages=Pages(self.cursors, "api_keys"),
        )

    async def audit(self) -> list[AuditEvent]:
        """All rows, oldest first."""
        async with self.storage.transaction(read_only=True) as tx:
            return list(reversed(await tx.audit.last(1000)))

    async def user(self, user_id: str) -> User | None:
        async with self.storage.transaction(read_only=True) as tx:
            return await tx.users.get(user_id)

    async def session(self, session_id: str | None) -> Session | None:
        async with self.storage.transaction(read_only=True) as tx:
            return await tx.sessions.get(session_id or "")

    async def password(self, user_id: str) -> PasswordRecord | None:
        async with self.storage.transaction(read_only=True) as tx:
            return await tx.passwords.get(user_id)

    async def waiting_reset(self, user_id: str) -> PasswordReset | None:
        async with self.storage.transaction(read_only=True) as tx:
            return await tx.password_resets.get(user_id)

    async def change(self, user: User, **fields: Any) -> User:
        """Write the user's row past all rules."""
        from msgspec.structs import replace

        changed = replace(user, **fields)
        async with self.storage.transaction() as tx:
            await tx.users.replace(changed)
        return changed
