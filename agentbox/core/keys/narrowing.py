"""Changes of a key that is there: its name as one likes, its rights only narrower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from agentbox.core.changes import Details, Work
from agentbox.core.keys.bounds import (
    bounds_of_key,
    expiry_fault,
    require_environments_within,
    require_given_entries,
    require_rest_within,
)
from agentbox.core.keys.making import new_entries
from agentbox.errors import ValidationFailed
from agentbox.model.access.decisions import require_own_scopes, require_unlimited_for
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ScopeSet
from agentbox.model.api_keys import ApiKey, KeyPermission
from agentbox.model.users import User


class ApiKeyEdit(Struct, frozen=True, kw_only=True):
    """What is to change; unset leaves it, None removes a name, a description, and
    `all_environments`. `permissions`, by environment id, are the whole list."""

    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    expires_at: datetime | UnsetType = UNSET
    scopes: ScopeSet | UnsetType = UNSET
    all_environments: Permission | UnsetType | None = UNSET
    permissions: Mapping[str, Permission] | UnsetType = UNSET
    allowed_cidrs: tuple[str, ...] | UnsetType = UNSET
    rate_limit: str | UnsetType = UNSET


async def narrowed(work: Work, owner: User, key: ApiKey, edit: ApiKeyEdit) -> ApiKey:
    """The key as it will be; nothing is written.

    Raises `ScopeExceedsOwn`, `PermissionExceedsOwn`, `ValidationFailed` for what goes beyond the
    present key, `NotFound` and `PermissionExceedsRole` for new entries, `ScopeConflict`.
    """
    bounds = bounds_of_key(key)
    if edit.scopes is not UNSET:
        require_own_scopes(edit.scopes, frozenset(key.scopes))
    after = _edited(key, edit, work.now)
    require_environments_within(after.environment_limit, bounds)
    if edit.permissions is not UNSET:
        await require_given_entries(work, owner, _raised(key, edit.permissions))
    require_rest_within(
        bounds,
        expires_at=after.expires_at,
        allowed_cidrs=after.allowed_cidrs,
        rate_limit=after.rate_limit,
    )
    if after.expires_at != key.expires_at and after.expires_at and after.expires_at <= work.now:
        raise ValidationFailed(errors=[expiry_fault("must be in the future")])
    if after.all_environments is None:
        require_unlimited_for(frozenset(after.scopes))
    return after


def changes_of(before: ApiKey, after: ApiKey) -> Details:
    """What the audit says: what rights became, and of the rest only that it changed."""
    return dict(_changes(before, after))


def _changes(before: ApiKey, after: ApiKey) -> Iterator[tuple[str, str | int | None]]:
    for name in ("name", "description"):
        if getattr(before, name) != getattr(after, name):
            yield name, "changed"
    if before.scopes != after.scopes:
        yield "scopes", " ".join(after.scopes)
    if before.all_environments is not after.all_environments:
        yield "all_environments", after.all_environments
    if before.permissions != after.permissions:
        yield "permissions", len(after.permissions)
    if before.expires_at != after.expires_at and after.expires_at is not None:
        yield "expires_at", after.expires_at.isoformat()
    if before.allowed_cidrs != after.allowed_cidrs:
        yield "allowed_cidrs", " ".join(after.allowed_cidrs)
    if before.rate_limit != after.rate_limit:
        yield "rate_limit", after.rate_limit


def _edited(key: ApiKey, edit: ApiKeyEdit, now: datetime) -> ApiKey:
    given = {
        name: value
        for name in (
            "name", "description", "expires_at", "all_environments", "allowed_cidrs", "rate_limit",
        )
        if (value := getattr(edit, name)) is not UNSET
    }  # fmt: skip
    if edit.scopes is not UNSET:
        given["scopes"] = tuple(sorted(edit.scopes))
    if edit.permissions is not UNSET:
        given["permissions"] = _entries(key, edit.permissions, now)
    return replace(key, **given)


def _entries(
    key: ApiKey, asked: Mapping[str, Permission], now: datetime
) -> tuple[KeyPermission, ...]:
    """Entries that were there keep their id and age, and come first."""
    kept = tuple(
        replace(entry, permission=asked[entry.environment_id])
        for entry in key.permissions
        if entry.environment_id in asked
    )
    there = {entry.environment_id for entry in kept}
    fresh = {each: asked[each] for each in asked if each not in there}
    return kept + new_entries(fresh, now)


def _raised(key: ApiKey, asked: Mapping[str, Permission]) -> Mapping[str, Permission]:
    """What no entry allowed until now: it came with `all_environments`, or the key never had it.

    It is judged as with a new key. What only stays or sinks is not, so that an entry for an
    environment that is gone stands in nobody's way.
    """
    present = key.environment_limit.entries
    return {
        each: permission
        for each, permission in asked.items()
        if each not in present or permission.rank > present[each].rank
    }
