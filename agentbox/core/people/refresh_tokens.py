"""Refresh tokens: made for a session, judged by it, and stored nowhere."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agentbox.core.start.root_secret import MacKeys
from agentbox.model.formats.refresh_token import (
    ParsedRefreshToken,
    compose_refresh_token,
    signed_part,
)
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session

_NONCE = 16


class RefreshLifetimes(Struct, frozen=True, kw_only=True):
    """How long a refresh token waits to be used, and how long its parent may be used again."""

    idle: timedelta
    grace: timedelta


class RefreshTokens:
    """One family a session, of which one token is worth something: that of its generation."""

    def __init__(self, keys: MacKeys, lifetimes: RefreshLifetimes) -> None:
        self._keys = keys
        self._lifetimes = lifetimes

    def begin(self, session: Session) -> Session:
        """The new session with the first generation of its family."""
        now = session.created_at
        return replace(
            session,
            generation=1,
            nonce=secrets.token_bytes(_NONCE),
            idle_until=self.idle_until(session, now),
            last_used=now,
        )

    def idle_until(self, session: Session, now: datetime) -> datetime:
        """Until when a token given now waits to be used; never past the session's absolute end."""
        return min(now + self._lifetimes.idle, session.expires_at)

    def current(self, session: Session) -> Secret:
        """The token of the session's generation, the same text whenever it is asked for."""
        signed = signed_part(self._keys.first_id, session.id, session.generation)
        return compose_refresh_token(signed, self._keys.first_digest(signed + _nonce_of(session)))

    def holds(self, token: ParsedRefreshToken, session: Session) -> bool:
        """Whether a key of ours made it for this session, at whatever generation."""
        if session.nonce is None:
            return False
        signed = signed_part(token.key_id, token.session_id, token.generation)
        mac = self._keys.digest(token.key_id, signed + session.nonce)
        return mac is not None and hmac.compare_digest(mac, token.mac)

    def retried(self, generation: int, session: Session, now: datetime) -> bool:
        """Whether it is the parent of the current one, and so young that its answer may be lost.

        A second use within the grace gets what the first one got (RFC 9700 section 4.14.2).
        """
        return (
            generation == session.generation - 1
            and session.rotated_at is not None
            and now - session.rotated_at < self._lifetimes.grace
        )


def _nonce_of(session: Session) -> bytes:
    if session.nonce is None:
        raise ValueError("a session without a nonce has no refresh token")
    return session.nonce
