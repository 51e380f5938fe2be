"""API keys as they are kept; the key itself is not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from agentbox.model.access.roles import Permission
from agentbox.model.evidence import EnvironmentLimit
from agentbox.model.users import User

MOST_ENTRIES = 1000
"""Environments that a key can have entries for."""


class ApiKeyState(StrEnum):
    """What a list can be narrowed to."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyPermission(Struct, frozen=True, kw_only=True):
    """The most that a key may do on one environment, which need not be there any more."""

    id: str
    environment_id: str
    permission: Permission
    created_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key's record. `scopes` are as given when made; what counts is worked out per request.

    `all_environments` is the most the key may do on every environment of its owner; None is none.
    `permissions` are the same for single environments, and the greater counts. `allowed_cidrs` are
    the networks it may come from, all if there are none. `rate_limit` is such as `100/minute`.
    `rotated_from` is the key whose place this one takes.
    """

    id: str
    user_id: str
    name: str | None
    description: str | None
    key_prefix: str
    scopes: tuple[str, ...]
    all_environments: Permission | None
    created_at: datetime
    expires_at: datetime | None = None
    last_used: datetime | None = None
    revoked_at: datetime | None = None
    permissions: tuple[KeyPermission, ...] = ()
    allowed_cidrs: tuple[str, ...] = ()
    rate_limit: str | None = None
    rotated_from: str | None = None
    organization_id: str = "default"

    @property
    def environment_limit(self) -> EnvironmentLimit:
        """What the key may do at most, as evidence has it."""
        entries = {entry.environment_id: entry.permission for entry in self.permissions}
        return EnvironmentLimit(self.all_environments, entries)

    def live(self, now: datetime) -> bool:
        """True while the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class IssuedKey(NamedTuple):
    """A key with what a presented one is judged by: the SHA-256 of its text, and whose it is."""

    key: ApiKey
    digest: bytes
    owner: User


class ApiKeyFilter(Struct, frozen=True, kw_only=True):
    """Which keys a list holds. `owner_roles` leaves out keys of owners with other roles, but for
    those of the user `also_of`."""

    user_id: str | None = None
    state: ApiKeyState | None = None
    now: datetime
    owner_roles: tuple[str, ...] | None = None
    also_of: str | None = None


class ApiKeyUsage(NamedTuple):
    """How often a key was used in the hour that begins then."""

    hour: datetime
    uses: int


class RateMark(NamedTuple):
    """So many uses that count for the rate of a key, the last of them at `last` or before."""

    last: datetime
    uses: int
