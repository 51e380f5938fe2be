"""Sessions: one login each."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Session(Struct, frozen=True, kw_only=True):
    """One login. `expires_at` is absolute; an ended session stays until then."""

    id: str
    user_id: str
    authenticator_id: str
    created_at: datetime
    expires_at: datetime
    auth_time: datetime
    amr: tuple[str, ...]
    ended_at: datetime | None = None
    ip: str | None = None
    user_agent: str | None = None

    def live(self, now: datetime) -> bool:
        """True while the session is neither ended nor past its absolute end."""
        return self.ended_at is None and now < self.expires_at


class LoginFlow(Struct, frozen=True, kw_only=True):
    """A login that needs another step: which method goes on, and its sealed state."""

    id: str
    authenticator_id: str
    sealed_state: bytes
    expires_at: datetime
