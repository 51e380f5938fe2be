"""API keys, as clients send and get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import ApiKey, ApiKeyState
from agentbox.web.handlers.shapes.fields import Days, Description, Instant, Label, Limit, Offset


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
