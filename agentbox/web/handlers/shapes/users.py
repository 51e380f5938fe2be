"""Users, as clients send and get them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.model.access.roles import Role
from agentbox.model.users import LinkedIdentity, Status, User
from agentbox.web.handlers.shapes.fields import Cursor, Limit, Offset, Search

UserId = Annotated[str, Meta(min_length=1, max_length=128)]


class UserOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user."""

    id: str
    username: str
    role: Role
    status: Status
    created_at: datetime
    updated_at: datetime
    email: str | None = None
    last_login: datetime | None = None
    password_change_required: bool = False


class LinkedOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sign-in at another site, as others than its user see it."""

    provider: str
    email: str | None = None


class OneUserOut(UserOut, frozen=True, kw_only=True, omit_defaults=True):
    """A user, with what it signs in by elsewhere."""

    identities: list[LinkedOut] = []


class UserQuery(Struct, frozen=True, kw_only=True):
    """Which users a list holds."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: Cursor | None = None
    sort: Literal["-created_at"] = "-created_at"
    role: Role | None = None
    status: Status | None = None
    search: Search | None = None


class UserListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of users, newest first, and how many there are in all."""

    users: list[UserOut]
    total: int
    next_cursor: str | None = None


class NewUserBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user."""

    username: str
    email: str | None = None
    password: str | UnsetType = UNSET
    role: Role = Role.USER
    status: Status = Status.ACTIVE


class UserPatchBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; `email` null removes it."""

    username: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class UserPutBody(UserPatchBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; a password given here is another user's, never one's own."""

    password: str | UnsetType = UNSET


class BulkBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Distinct users, and what to do with each of them."""

    ids: Annotated[list[UserId], Meta(min_length=1, max_length=100)]
    action: Literal["enable", "disable"]


class BulkResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one user; `error` is the code of why nothing did."""

    id: str
    ok: bool
    error: str | None = None


class BulkOut(Struct, frozen=True, kw_only=True):
    """One result for each id, in the order given."""

    results: list[BulkResult]


class ResetOut(Struct, frozen=True, kw_only=True):
    """A secret to sign in with, once, in the password's place. It is shown this once."""

    secret: str
    expires_at: datetime


def one_user_out(user: User, linked: Sequence[LinkedIdentity]) -> OneUserOut:
    """The record with the user's sign-ins elsewhere."""
    found = [LinkedOut(provider=each.provider, email=each.email) for each in linked]
    return OneUserOut(**user_fields(user), identities=found)


def user_out(user: User) -> UserOut:
    """A user as clients see it."""
    return UserOut(**user_fields(user))


def user_fields(user: User) -> dict[str, Any]:
    """The members of a user's shape."""
    return {
        "id": user.id,
        "username": user.username,
        "role": user.role,
        "status": user.status,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "email": user.email,
        "last_login": user.last_login,
        "password_change_required": user.password_change_required,
    }
