"""Users as they are kept."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from msgspec import Struct

from agentbox.model.access.roles import Role


class Status(StrEnum):
    """Only `active` signs in; `disable` sets `inactive`, `suspended` is set by an edit alone."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class User(Struct, frozen=True, kw_only=True):
    """Our record of a person. `id` is random, immutable and never used again.

    `username` is kept as given; it is unique in lower case. `email` is kept canonical.
    """

    id: str
    username: str
    email: str | None
    email_verified: bool
    role: Role
    status: Status
    password_change_required: bool
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None = None
    organization_id: str = "default"

    @property
    def active(self) -> bool:
        """True if this user may sign in and act."""
        return self.status is Status.ACTIVE


class UserFilter(Struct, frozen=True, kw_only=True):
    """Which users a list holds; None does not filter. `search` is part of a name or address."""

    role: Role | None = None
    status: Status | None = None
    search: str | None = None


class PasswordRecord(Struct, frozen=True):
    """A user's password hash (an argon2id string) and when it was set."""

    user_id: str
    password_hash: str
    updated_at: datetime


class PasswordReset(Struct, frozen=True):
    """A reset secret that waits to be used, once, as the password: its SHA-256, and until when."""

    user_id: str
    digest: bytes
    created_at: datetime
    expires_at: datetime


class LinkedBy(StrEnum):
    """What a link was made by: somebody signed in, an address that both had verified, or a first
    sign-in, which made the user.

    Who is signed in to an account that an address has opened links by that address too.
    """

    SESSION = "session"
    EMAIL = "email"
    FIRST_SIGN_IN = "first_sign_in"


class LinkedIdentity(Struct, frozen=True, kw_only=True):
    """A sign-in at another site that opens a user of ours. Its key is (issuer, subject).

    `provider` is the id under which the site was configured when it was linked, for people to read.
    `email` is what the site said last, and decides nothing.
    """

    id: str
    user_id: str
    issuer: str
    subject: str
    provider: str
    email: str | None = None
    linked_by: LinkedBy
    linked_at: datetime
    last_used: datetime | None = None

    @property
    def subject_digest(self) -> str:
        """What the audit says of (issuer, subject), to be compared: 16 hex digits of a SHA-256."""
        return sha256(f"{self.issuer}\0{self.subject}".encode()).hexdigest()[:16]
