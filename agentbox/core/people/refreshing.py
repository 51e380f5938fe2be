"""Going on with a session: a refresh token is exchanged for the next one and an access token."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import structlog

from agentbox.core.audit.refusals import ANONYMOUS, Refusals
from agentbox.core.changes import Changes, Writing
from agentbox.core.counters import Counters
from agentbox.core.people.refresh_tokens import RefreshTokens
from agentbox.core.signing_in import SignedIn, handed_out
from agentbox.core.tokens import AccessTokens
from agentbox.errors import InvalidGrant
from agentbox.model.formats.refresh_token import ParsedRefreshToken, parse_refresh_token
from agentbox.model.principal import Origin
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.users import User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Change, Storage, Transaction

SIGN_IN_AGAIN = "The refresh token does not hold. Sign in again."

_log = structlog.get_logger("agentbox.refresh")


class _Family(NamedTuple):
    session: Session
    user: User


class Refreshing:
    """Rotates refresh tokens, and ends the family of one that is used again.

    RFC 9700 section 4.14.2.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        changes: Changes,
        counters: Counters,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        refusals: Refusals,
        methods: Collection[str],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._changes = changes
        self._counters = counters
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._refusals = refusals
        self._methods = methods

    async def refresh(self, text: Secret, origin: Origin) -> SignedIn:
        """A new access token, and the refresh token that takes the place of this one.

        The parent of the current token, used again within the grace, gets what its first use got.
        Any other one of the family ends the session. Raises `InvalidGrant` for that and whatever
        else is wrong, `Unavailable`, `AuthenticatorUnavailable`.
        """
        token = parse_refresh_token(text.reveal())
        if token is None:
            raise self._refused(origin, "form")
        async with self._storage.transaction(read_only=True) as tx:
            session = await tx.sessions.get(token.session_id)
            if session is None or not self._refresh_tokens.holds(token, session):
                raise self._refused(origin, "mac")  # what we did not make ends nothing
            family = await self._live(tx, session, origin)
        # Claims are asked for before the transaction, in which nothing is awaited but itself.
        request = await self._access_tokens.prepare(family.user, session, self._clock.now())
        async with self._changes.begin_login(session.user_id, origin) as writing:
            gone_on = await self._go_on(writing, token)
        if gone_on is None:  # told after the commit that ended the family, and wrote so
            raise InvalidGrant(SIGN_IN_AGAIN)
        session, user = gone_on
        refresh_token = self._refresh_tokens.current(session)
        return handed_out(
            request, await self._access_tokens.mint(request), session, refresh_token, user
        )

    async def _live(self, tx: Transaction, session: Session, origin: Origin) -> _Family:
        """The session with its user. Raises `InvalidGrant` if either is over, or its sign-in is
        no longer configured."""
        if not session.refreshable(self._clock.now()):
            raise self._refused(origin, "session", session)
        if session.authenticator_id not in self._methods:
            raise self._refused(origin, "authenticator", session)
        user = await tx.users.get(session.user_id)
        if user is None or not user.active:
            raise self._refused(origin, "user", session)
        return _Family(session, user)

    async def _go_on(self, writing: Writing, token: ParsedRefreshToken) -> _Family | None:
        """The session at its current generation; None if it was reuse, and has ended just now.

        What was read before is read again: only what is seen in here counts.
        """
        tx, now, session_id = writing.tx, writing.now, token.session_id
        session = await tx.sessions.get(session_id)
        if session is None:
            raise self._refused(writing.origin, "session")
        session, user = await self._live(tx, session, writing.origin)
        idle_until = self._refresh_tokens.idle_until(session, now)
        rotated = await tx.sessions.rotate(session_id, token.generation, now, idle_until)
        if rotated is not None:
            return _Family(rotated, user)
        if self._refresh_tokens.retried(token.generation, session, now):
            return _Family(session, user)
        await self._end(writing, token, session)
        return None

    async def _end(self, writing: Writing, token: ParsedRefreshToken, session: Session) -> None:
        await writing.tx.sessions.end(session.id, writing.now)
        writing.changed(Change("session", session.id))
        details = {"generation": token.generation, "current": session.generation}
        await writing.record("session.reuse", f"session:{session.id}", details)
        self._counters.add("refresh_reuse")
        _log.warning("refresh_reuse", session=session.id, user_id=session.user_id)

    def _refused(self, origin: Origin, reason: str, session: Session | None = None) -> InvalidGrant:
        """What to raise, once it is logged and on its way into the audit."""
        actor, target = ANONYMOUS, None
        if session is not None:  # the token was made for it
            actor, target = f"user:{session.user_id}", f"session:{session.id}"
        _log.info("refresh_refused", reason=reason, session=session and session.id)
        self._refusals.note("session.refuse", actor, origin, {"reason": reason}, target=target)
        return InvalidGrant(SIGN_IN_AGAIN)
