"""A session begins: the last judgement, the rows, the tokens; the end of every way to sign in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from agentbox.core.audit.refusals import Refusals
from agentbox.core.changes import Changes, Writing
from agentbox.core.counters import Counters
from agentbox.core.people.refresh_tokens import RefreshTokens
from agentbox.core.recognition.dispatch import Dispatcher, Named
from agentbox.core.tokens import AccessTokens
from agentbox.errors import InvalidCredentials, LoginFailed
from agentbox.model.evidence import LOCAL_ISSUER, LONGEST_AGO, Identity
from agentbox.model.ids import new_id
from agentbox.model.principal import Origin
from agentbox.model.secret import Secret
from agentbox.model.sessions import Session
from agentbox.model.users import User
from agentbox.plugin.authenticator import LoginContext, TokenRequest, Verified
from agentbox.plugin.policy import LoginPolicy
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Transaction

_MAX_USER_AGENT = 256

_log = structlog.get_logger("agentbox.login")

StillHolds = Callable[[Writing], Awaitable[bool]]
"""Looks, inside the transaction that begins the session, whether what was judged is still so."""


class SignedIn(NamedTuple):
    """Tokens of a session, new or gone on: when each of them ends, and who it is."""

    token: Secret
    expires_at: datetime
    expires_in: int
    refresh_token: Secret
    refresh_expires_at: datetime
    user: User


class SigningIn:
    """Begins sessions of users whose sign-in holds."""

    def __init__(
        self,
        *,
        policies: Sequence[Named[LoginPolicy]],
        tokens: AccessTokens,
        session_max_age: timedelta,
        clock: Clock,
        dispatcher: Dispatcher,
        changes: Changes,
        refresh_tokens: RefreshTokens,
        refusals: Refusals,
        counters: Counters,
    ) -> None:
        self._counters = counters
        self._policies = policies
        self._tokens = tokens
        self._session_max_age = session_max_age
        self._clock = clock
        self._dispatcher = dispatcher
        self._changes = changes
        self._refresh_tokens = refresh_tokens
        self._refusals = refusals

    async def begin(
        self, user: User, judged: Verified, context: LoginContext, *, method: str
    ) -> SignedIn:
        """A session of `user`, and its tokens; `method` is the id of what it signed in by.

        Raises as `judge` and `begin_judged` do.
        """
        await self.judge(user, judged.identity, context)
        return await self.begin_judged(user, judged, context, method=method)

    async def judge(
        self, user: User, identity: Identity, context: LoginContext, *, is_made: bool = True
    ) -> None:
        """Ask every login policy whether this user may sign in.

        `is_made` is False for one who would be made by it. Raises `InvalidCredentials` if one of
        them refuses, `AuthenticatorUnavailable` if one is broken.
        """
        for policy in self._policies:
            await self._judge(policy, context, user, identity, user.id if is_made else None)

    async def begin_judged(
        self,
        user: User,
        judged: Verified,
        context: LoginContext,
        *,
        method: str,
        still_holds: StillHolds | None = None,
    ) -> SignedIn:
        """`begin` for one whom the policies have let in already.

        Raises `InvalidCredentials` if the user is not active any more, or if what was judged holds
        no longer; `AuthenticatorUnavailable`, `Unavailable`.
        """
        session = self._new_session(user, method, judged.identity, context.origin)
        request = await self._tokens.prepare(user, session, session.created_at)
        await self._begin(session, judged, context.origin, still_holds)
        token = await self._tokens.mint(request)
        self._counters.add("logins.ok")
        signed_in = msgspec.structs.replace(user, last_login=session.created_at)
        refresh_token = self._refresh_tokens.current(session)
        return handed_out(request, token, session, refresh_token, signed_in)

    def refused(
        self, origin: Origin, reason: str, user_id: str | None = None
    ) -> InvalidCredentials:
        """What to raise for a login that does not hold, once it is on its way into the audit."""
        self._refusals.login(origin, reason, user_id)
        self._counters.add("logins.refused")
        return InvalidCredentials()

    async def _judge(
        self,
        policy: Named[LoginPolicy],
        context: LoginContext,
        user: User,
        identity: Identity,
        known: str | None,
    ) -> None:
        try:
            await self._dispatcher.call(
                policy.id,
                lambda: policy.opened.check_login(context, user, identity),
                gives=type(None),
                refusals=(LoginFailed,),
            )
        except LoginFailed as failure:
            _log.info("login_refused", reason=failure.reason, policy=policy.id, user_id=known)
            raise self.refused(context.origin, failure.reason, known) from failure

    def _new_session(self, user: User, method: str, identity: Identity, origin: Origin) -> Session:
        now = self._clock.now()
        session = Session(
            id=new_id(),
            user_id=user.id,
            authenticator_id=method,
            created_at=now,
            expires_at=now + self._session_max_age,
            # Never later than now, whatever a method says: such a session would stay fresh.
            auth_time=min(_authenticated_at(identity, now), now),
            amr=identity.amr,
            ip=origin.address,
            user_agent=(origin.user_agent or "")[:_MAX_USER_AGENT] or None,
        )
        return self._refresh_tokens.begin(session)

    async def _begin(
        self,
        session: Session,
        judged: Verified,
        origin: Origin,
        still_holds: StillHolds | None,
    ) -> None:
        """Write the session, unless its user or the password changed while it was judged."""
        async with self._changes.begin_login(session.user_id, origin) as writing:
            if not await writing.tx.users.note_login(session.user_id, session.created_at):
                # disabled while the password was being checked
                raise self.refused(origin, "raced", session.user_id)
            if not await _still_holds(writing, session.user_id, judged):
                # what was checked is the old password, or is used up
                raise self.refused(origin, "raced", session.user_id)
            if still_holds is not None and not await still_holds(writing):
                raise self.refused(origin, "raced", session.user_id)
            await writing.tx.sessions.add(session)
            details = {"method": session.authenticator_id}
            await writing.record("session.begin", f"session:{session.id}", details)


def handed_out(
    request: TokenRequest, token: Secret, session: Session, refresh_token: Secret, user: User
) -> SignedIn:
    """What the client gets: `token`, minted for `request`, and the session's refresh token."""
    return SignedIn(
        token=token,
        expires_at=request.expires_at,
        expires_in=int((request.expires_at - request.issued_at).total_seconds()),
        refresh_token=refresh_token,
        refresh_expires_at=session.idle_until or session.expires_at,
        user=user,
    )


def _authenticated_at(identity: Identity, now: datetime) -> datetime:
    """Passwords are judged when they come; who comes from elsewhere may have been there long."""
    if identity.auth_time is not None:
        return identity.auth_time
    return now if identity.issuer == LOCAL_ISSUER else now - LONGEST_AGO


async def _still_holds(writing: Writing, user_id: str, judged: Verified) -> bool:
    """Whether the password is as it was judged; a reset secret is used up by this."""
    tx = writing.tx
    if judged.password_reset is not None:
        return await tx.password_resets.take(user_id, judged.password_reset, writing.now)
    return not await _password_changed(tx, user_id, judged)


async def _password_changed(tx: Transaction, user_id: str, judged: Verified) -> bool:
    """Whether the password that was judged is no longer the one there.

    Its change ended all sessions, so none may begin with it. What is compared is which setting of
    the password was judged, not when: a login may read the old one after the change has begun.
    """
    record = await tx.passwords.get(user_id)
    if judged.password_set_at is not None:
        return record is None or record.updated_at != judged.password_set_at
    identity = judged.identity
    if identity.issuer != LOCAL_ISSUER or record is None or identity.auth_time is None:
        return False
    return record.updated_at > identity.auth_time  # another local method, which can only say when
