"""API keys as they are kept; the key itself is not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from agentbox.model.access.roles import Permission


class ApiKeyState(StrEnum):
    """What a list can be narrowed to."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key's record. `scopes` are as given when made; what counts is worked out per request.

    `all_environments` is the most the key may do on every environment of its owner; None is none.
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
    organization_id: str = "default"

    def live(self, now: datetime) -> bool:
        """True while the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApiKeyFilter(Struct, frozen=True, kw_only=True):
    """Which keys a list holds. `owner_roles` leaves out keys of owners with other roles, but for
    those of the user `also_of`."""

    user_id: str | None = None
    state: ApiKeyState | None = None
    now: datetime
    owner_roles: tuple[str, ...] | None = None
    also_of: str | None = None
