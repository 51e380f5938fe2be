"""Signing in, and who one is."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.evidence import EnvironmentLimit
from agentbox.model.principal import Principal
from agentbox.web.handlers.shapes.api_keys import PermissionEntry, shown_entries
from agentbox.web.handlers.shapes.users import UserOut, user_fields


class AuthOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the caller was recognised and what this credential may do."""

    method: str
    scopes: tuple[str, ...]
    restrictions: tuple[str, ...]
    session_id: str | None = None
    api_key_id: str | None = None
    expires_at: datetime | None = None
    auth_time: datetime | None = None
    environments: tuple[PermissionEntry, ...] | None = None
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


class RefreshBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token that was given last."""

    refresh_token: str


class LoginOut(Struct, frozen=True, kw_only=True):
    """An access token with its lifetime in seconds, the refresh token to get the next ones with,
    and who signed in."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_at: datetime
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime
    user: UserOut


class ReauthenticateBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One's own password, again."""

    password: str


class ReauthenticateOut(Struct, frozen=True, kw_only=True):
    """When the session's user was authenticated last, and how (RFC 8176)."""

    auth_time: datetime
    amr: tuple[str, ...]


class ChangePasswordBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new password, and the current one unless this session must change it."""

    new_password: str
    current_password: str | UnsetType = UNSET


def me_out(caller: Principal) -> MeOut:
    """The caller as it sees itself."""
    credential, limit = caller.credential, caller.environment_limit
    limit_all, environments = None, None
    if isinstance(limit, EnvironmentLimit):
        limit_all = limit.all_environments
        environments = shown_entries(limit_all, limit.entries.items())
    return MeOut(
        **user_fields(caller.user),
        auth=AuthOut(
            method=credential.kind,
            scopes=sorted_scopes(caller.scopes),
            restrictions=caller.restrictions,
            session_id=caller.session_id,
            api_key_id=credential.id if credential.kind == "api_key" else None,
            expires_at=credential.expires_at,
            auth_time=caller.auth_time,
            environments=environments,
            all_environments=limit_all,
        ),
    )


@lru_cache(maxsize=4096)
def sorted_scopes(scopes: ScopeSet) -> tuple[str, ...]:
    """Scopes in one order, remembered: the same few sets come with every request."""
    return tuple(sorted(scopes))
