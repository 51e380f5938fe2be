"""API keys, as clients send and get them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agentbox.core.keys.usage import KeyUsage, Step
from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import MOST_ENTRIES, ApiKey, ApiKeyState
from agentbox.web.handlers.shapes.fields import (
    Cursor,
    Days,
    Description,
    Id,
    Instant,
    Label,
    Limit,
    Offset,
)

Scopes = Annotated[list[str], Meta(min_length=1, max_length=64)]
Networks = Annotated[
    list[Annotated[str, Meta(max_length=64)]],
    Meta(min_length=1, max_length=64, description="Networks such as 192.0.2.0/24"),
]
Rate = Annotated[str, Meta(max_length=32, description="Such as 100/minute")]
# As a text: read leniently, as queries are, a number would be an instant too.
Moment = Annotated[str, Meta(max_length=64, extra_json_schema={"format": "date-time"})]


class PermissionEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may do on one environment."""

    environment_id: Id
    permission: Permission


Entries = Annotated[list[PermissionEntry], Meta(max_length=MOST_ENTRIES)]


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
    permissions: tuple[PermissionEntry, ...] | None = None
    allowed_cidrs: tuple[str, ...] | None = None
    rate_limit: str | None = None
    rotated_from: str | None = None


class NewApiKeyOut(ApiKeyOut, frozen=True, kw_only=True, omit_defaults=True):
    """A key just made. `key` is shown this once."""

    key: str


class ApiKeyListOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of keys, newest first, and how many there are in all."""

    api_keys: list[ApiKeyOut]
    total: int
    next_cursor: str | None = None


class ApiKeyQuery(Struct, frozen=True, kw_only=True):
    """Which keys a list holds: one's own, `user_id`'s, or with `all` everyone's of lower rank."""

    limit: Limit = 1000
    offset: Offset = 0
    cursor: Cursor | None = None
    sort: Literal["-created_at"] = "-created_at"
    user_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    all: bool = False
    state: ApiKeyState | None = None


class NewApiKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. What is left out is inherited from a maker that is a key itself."""

    name: Label | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    expires_in: Days | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    permissions: Entries | UnsetType = UNSET
    all_environments: Permission | UnsetType = UNSET
    allowed_cidrs: Networks | UnsetType = UNSET
    rate_limit: Rate | UnsetType = UNSET


class ApiKeyPatchBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a key, rights only to narrower ones. `name`, `description` and
    `all_environments` null removes them; `permissions` is the whole list."""

    name: Label | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    expires_in: Days | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    permissions: Entries | UnsetType = UNSET
    all_environments: Permission | UnsetType | None = UNSET
    allowed_cidrs: Networks | UnsetType = UNSET
    rate_limit: Rate | UnsetType = UNSET


class RotateBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old key goes on beside the new one; 0 revokes it at once."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 3600


class KeyPermissionOut(Struct, frozen=True, kw_only=True):
    """The most that a key may do on one environment, which need not be there any more."""

    id: str
    api_key_id: str
    environment_id: str
    permission: Permission
    created_at: datetime


class KeyPermissionListOut(Struct, frozen=True, kw_only=True):
    """All entries of a key."""

    permissions: list[KeyPermissionOut]


class UsageQuery(Struct, frozen=True, kw_only=True):
    """Without a word the last 24 hours, by the hour."""

    start: Moment | None = None
    end: Moment | None = None
    step: Step = Step.HOUR


class UsagePoint(Struct, frozen=True, kw_only=True):
    """How often the key was used in the full hour or day (UTC) that begins then."""

    timestamp: datetime
    count: int


class UsageOut(Struct, frozen=True, kw_only=True):
    """Uses, oldest first; hours or days without any are left out. `start` is a full one."""

    api_key_id: str
    start: datetime
    end: datetime
    step: Step
    usage: list[UsagePoint]


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
        "permissions": shown_entries(
            key.all_environments,
            ((each.environment_id, each.permission) for each in key.permissions),
        ),
        "allowed_cidrs": key.allowed_cidrs or None,
        "rate_limit": key.rate_limit,
        "rotated_from": key.rotated_from,
    }


def shown_entries(
    all_environments: Permission | None, entries: Iterable[tuple[str, Permission]]
) -> tuple[PermissionEntry, ...] | None:
    """The entries, if there are any; an empty list says that the key has no environment at all."""
    shown = tuple(PermissionEntry(environment_id=on, permission=most) for on, most in entries)
    return shown or (() if all_environments is None else None)


def key_permissions_out(key: ApiKey) -> KeyPermissionListOut:
    """A key's entries."""
    return KeyPermissionListOut(
        permissions=[
            KeyPermissionOut(
                id=each.id,
                api_key_id=key.id,
                environment_id=each.environment_id,
                permission=each.permission,
                created_at=each.created_at,
            )
            for each in key.permissions
        ]
    )


def usage_out(usage: KeyUsage) -> UsageOut:
    """How often a key was used."""
    start, end, step = usage.span
    points = [UsagePoint(timestamp=hour, count=uses) for hour, uses in usage.points]
    return UsageOut(api_key_id=usage.api_key_id, start=start, end=end, step=step, usage=points)
