"""The JSON shapes that clients send and get (docs/http.md, /openapi.json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.api_keys import ApiKey, ApiKeyState
from agentbox.model.evidence import EnvironmentLimit
from agentbox.model.principal import Principal
from agentbox.model.users import Status, User

Limit = Annotated[int, Meta(ge=1, le=1000, description="How many rows at most")]
Offset = Annotated[int, Meta(ge=0, le=2**31, description="How many rows to pass over")]
Search = Annotated[str, Meta(min_length=1, max_length=128)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Description = Annotated[str, Meta(max_length=1024)]
Days = Annotated[int, Meta(ge=1, le=36500, description="Whole days")]
Instant = Annotated[datetime, Meta(tz=True)]


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


class AuthOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the caller was recognised and what this credential may do."""

    method: str
    scopes: tuple[str, ...]
    restrictions: tuple[str, ...]
    session_id: str | None = None
    api_key_id: str | None = None
    expires_at: datetime | None = None
    auth_time: datetime | None = None
    environments: tuple[Mapping[str, str], ...] | None = None
    all_environments: Permission | None = None


class MeOut(UserOut, frozen=True, kw_only=True, omit_defaults=True):
    """The caller's user, and how it was recognised."""

    auth: AuthOut


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name (or a verified e-mail address) and a password, both exactly as given."""

    username: str
    password: str


class ContinueBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next step of a login: the flow it belongs to, the method, and what the method wants."""

    flow: str
    method: str
    data: dict[str, Any] = {}


class LoginOut(Struct, frozen=True, kw_only=True):
    """An access token, its lifetime in seconds, and who signed in."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_at: datetime
    expires_in: int
    user: UserOut


class ChangePasswordBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new password, and the current one unless this session must change it."""

    new_password: str
    current_password: str | UnsetType = UNSET


class UserQuery(Struct, frozen=True, kw_only=True):
    """Which users a list holds."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: str | None = None
    sort: Literal["-created_at"] = "-created_at"
    role: Role | None = None
    status: Status | None = None
    search: Search | None = None


class UserListOut(Struct, frozen=True, kw_only=True):
    """One page of users, newest first, and how many there are in all."""

    users: list[UserOut]
    total: int


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


class ApiKeyOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An API key's record; `key_prefix` is what may be shown of the key."""

    id: str
    key_prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    name: str | None = None
    description: str | None = None
    last_used: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    all_environments: Permission | None = None
    permissions: Sequence[Mapping[str, str]] | None = None


class NewApiKeyOut(ApiKeyOut, frozen=True, kw_only=True, omit_defaults=True):
    """A key just made. `key` is shown this once."""

    key: str


class ApiKeyListOut(Struct, frozen=True, kw_only=True):
    """One page of keys, newest first, and how many there are in all."""

    api_keys: list[ApiKeyOut]
    total: int


class ApiKeyQuery(Struct, frozen=True, kw_only=True):
    """Which keys a list holds: one's own, `user_id`'s, or with `all` everyone's of lower rank."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: str | None = None
    sort: Literal["-created_at"] = "-created_at"
    user_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    all: bool = False
    state: ApiKeyState | None = None


class PermissionEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may do on one environment."""

    environment_id: str
    permission: Permission


class NewApiKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. What is left out is inherited from a maker that is a key itself."""

    name: Label | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    expires_in: Days | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    scopes: Annotated[list[str], Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    permissions: Annotated[list[PermissionEntry], Meta(max_length=1000)] | UnsetType = UNSET
    all_environments: Permission | UnsetType = UNSET


class HealthOut(Struct, frozen=True, kw_only=True):
    """That it works."""

    status: Literal["ok", "ready"]


class JwksOut(Struct, frozen=True, kw_only=True):
    """A JWK set (RFC 7517 section 5)."""

    keys: list[dict[str, str]]


def user_out(user: User) -> UserOut:
    """A user as clients see it."""
    return UserOut(**_user_fields(user))


def me_out(caller: Principal) -> MeOut:
    """The caller as it sees itself."""
    credential, limit = caller.credential, caller.environment_limit
    limited = isinstance(limit, EnvironmentLimit)
    limit_all = limit.all_environments if isinstance(limit, EnvironmentLimit) else None
    return MeOut(
        **_user_fields(caller.user),
        auth=AuthOut(
            method=credential.kind,
            scopes=sorted_scopes(caller.scopes),
            restrictions=caller.restrictions,
            session_id=caller.session_id,
            api_key_id=credential.id if credential.kind == "api_key" else None,
            expires_at=credential.expires_at,
            auth_time=caller.auth_time,
            environments=() if limit_all is None and limited else None,
            all_environments=limit_all,
        ),
    )


def _user_fields(user: User) -> dict[str, Any]:
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


@lru_cache(maxsize=4096)
def sorted_scopes(scopes: ScopeSet) -> tuple[str, ...]:
    """Scopes in one order, remembered: the same few sets come with every request."""
    return tuple(sorted(scopes))


def api_key_fields(key: ApiKey) -> dict[str, Any]:
    """A key's record as clients see it."""
    return {
        "id": key.id,
        "key_prefix": key.key_prefix,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "name": key.name,
        "description": key.description,
        "last_used": key.last_used,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "all_environments": key.all_environments,
        "permissions": None if key.all_environments else (),
    }
