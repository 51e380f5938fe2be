"""Sessions: one login each."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Session(Struct, frozen=True, kw_only=True):
    """One login. `expires_at` is absolute; an ended session stays until then.

    Its refresh tokens are one family, made with `nonce` (None: there are none), and that of
    `generation` is the current one. At `rotated_at` it took the place of the one before; until
    `idle_until` it waits to be used.
    """

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
    generation: int = 0
    nonce: bytes | None = None
    rotated_at: datetime | None = None
    idle_until: datetime | None = None
    last_used: datetime | None = None

    def live(self, now: datetime) -> bool:
        """True while the session is neither ended nor past its absolute end."""
        return self.ended_at is None and now < self.expires_at

    def refreshable(self, now: datetime) -> bool:
        """True while it is live and has not been left unused for too long."""
        return self.live(now) and self.idle_until is not None and now < self.idle_until


class LoginFlow(Struct, frozen=True, kw_only=True):
    """A login that needs another step: which method goes on, and its sealed state."""

    id: str
    authenticator_id: str
    sealed_state: bytes
    expires_at: datetime
