"""Signing in and out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from msgspec import Struct

from agentbox.core.audit.refusals import Refusals
from agentbox.core.changes import Changes, Writing
from agentbox.core.guesses import Guesses
from agentbox.core.people.refresh_tokens import RefreshTokens
from agentbox.core.recognition.dispatch import LOGIN_DEADLINE, Dispatcher, Named
from agentbox.core.recognition.soundness import is_sound_answer
from agentbox.core.recognition.state import user_id_of
from agentbox.core.tokens import AccessTokens
from agentbox.errors import (
    InvalidCredentials,
    LoginFailed,
    LoginIncomplete,
    SessionRequired,
    StartError,
)
from agentbox.model.evidence import (
    LOCAL_ISSUER,
    NO_LIMIT,
    Authentication,
    CredentialRef,
    Identity,
)
from agentbox.model.ids import new_id
from agentbox.model.principal import Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.sessions import LoginFlow, Session
from agentbox.model.times import format_instant
from agentbox.model.users import User
from agentbox.plugin.authenticator import (
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginMethod,
    NotMine,
    PasswordLogin,
    TokenIssuer,
    TokenRequest,
    Verified,
)
from agentbox.plugin.policy import LoginPolicy, TokenClaims
from agentbox.plugin.services import Clock, Sealer
from agentbox.plugin.storage import Change, Storage, Transaction

FLOW_LIFETIME = timedelta(minutes=10)
_MAX_USER_AGENT = 256

_log = structlog.get_logger("agentbox.login")


class SignedIn(NamedTuple):
    """Tokens of a session, new or gone on: when each of them ends, and who it is."""

    token: Secret
    expires_at: datetime
    expires_in: int
    refresh_token: Secret
    refresh_expires_at: datetime
    user: User


Step = Callable[[LoginMethod], Awaitable[LoginAnswer]]


class LoginParts(Struct, frozen=True, kw_only=True):
    """What the configuration brings to signing in."""

    methods: Sequence[Named[LoginMethod]]
    policies: Sequence[Named[LoginPolicy]]
    claims: Sequence[Named[TokenClaims]]
    issuer: Named[TokenIssuer] | None
    audience: str
    access_expiry: timedelta
    session_max_age: timedelta


class Login:
    """Signs people in by the first method that knows them, and out again."""

    def __init__(
        self,
        parts: LoginParts,
        *,
        storage: Storage,
        clock: Clock,
        sealer: Sealer,
        dispatcher: Dispatcher,
        changes: Changes,
        refresh_tokens: RefreshTokens,
        refusals: Refusals,
        guesses: Guesses,
    ) -> None:
        self._parts = parts
        self._storage = storage
        self._clock = clock
        self._sealer = sealer
        self._dispatcher = dispatcher
        self._changes = changes
        self._refresh_tokens = refresh_tokens
        self._refusals = refusals
        self._guesses = guesses
        self._tokens = AccessTokens(
            issuer=parts.issuer,
            claims=parts.claims,
            audience=parts.audience,
            expiry=parts.access_expiry,
            dispatcher=dispatcher,
        )

    async def with_password(self, username: str, password: Secret, origin: Origin) -> SignedIn:
        """Sign in with a name and a password.

        Raises `InvalidCredentials` whatever is wrong, `RateLimited` after too many that were,
        `LoginIncomplete` if another step is needed, `Overloaded`, `AuthenticatorUnavailable`.
        """
        async with self._guesses.judge_login(username, origin):
            return await self._with_password(username, password, origin)

    async def _with_password(self, username: str, password: Secret, origin: Origin) -> SignedIn:
        context = LoginContext(now=self._clock.now(), origin=origin)
        data = PasswordLogin(username, password)
        for named in self._parts.methods:
            answer = await self._ask(named, lambda m: m.begin(context, data), context)
            if not isinstance(answer, NotMine):
                return await self._go_on(named, answer, context)
        _log.info("login_refused", reason="nobody_knows_it")
        raise self._refused(origin, "nobody_knows_it")

    async def continue_flow(
        self, flow: str, method: str, data: Mapping[str, Any], origin: Origin
    ) -> SignedIn:
        """Go on with a login that needs another step. A flow is used up by each try.

        Raises as `with_password` does.
        """
        context = LoginContext(now=self._clock.now(), origin=origin)
        flow_id = _flow_id(flow)
        async with self._storage.transaction() as tx:
            waiting = await tx.login_flows.take(flow_id, context.now)
        if waiting is None or waiting.authenticator_id != method:
            raise self._refused(origin, "unknown_flow")
        named = next((n for n in self._parts.methods if n.id == method), None)
        if named is None:
            raise self._refused(origin, "unknown_flow")
        try:
            state = self._sealer.open(waiting.sealed_state, place=_flow_place(flow_id))
        except StartError as error:
            _log.error("login_flow_not_opened", method=method)
            raise self._refused(origin, "unknown_flow") from error
        answer = await self._ask(named, lambda m: m.advance(context, state, data), context)
        return await self._go_on(named, answer, context)

    async def end(self, caller: Principal, origin: Origin) -> None:
        """Sign out: end the caller's session.

        Raises `SessionRequired` for an API key, `InvalidToken` for a session that is over.
        """
        session_id = caller.session_id
        if session_id is None:
            raise SessionRequired
        async with self._changes.begin(caller, origin) as work:
            if await work.tx.sessions.end(session_id, work.now):
                work.changed(Change("session", session_id))
                await work.record("session.end", f"session:{session_id}")

    async def _ask(
        self, named: Named[LoginMethod], step: Step, context: LoginContext
    ) -> LoginAnswer:
        try:
            answer = await self._dispatcher.call(
                named.id,
                lambda: step(named.opened),
                gives=(Verified, Challenge, NotMine),
                refusals=(LoginFailed,),
                deadline=LOGIN_DEADLINE,
            )
        except LoginFailed as failure:
            _log.info("login_refused", reason=failure.reason, method=named.id)
            raise self._refused(context.origin, failure.reason, failure.user_id) from failure
        if not is_sound_answer(answer):
            raise self._dispatcher.broke(named.id, "an answer with fields of other kinds")
        return answer

    async def _go_on(
        self, named: Named[LoginMethod], answer: LoginAnswer, context: LoginContext
    ) -> SignedIn:
        if isinstance(answer, Challenge):
            raise await self._incomplete(named, answer, context)
        if isinstance(answer, NotMine):
            raise self._refused(context.origin, "nobody_knows_it")
        identity = answer.identity
        user = await self._user_of(identity, context.origin)
        for policy in self._parts.policies:
            await self._judge(policy, context, user, identity)
        session = self._new_session(user, named.id, identity, context.origin)
        request = await self._tokens.prepare(user, session, session.created_at)
        await self._begin(session, answer, context.origin)
        token = await self._tokens.mint(request)
        signed_in = msgspec.structs.replace(user, last_login=session.created_at)
        refresh_token = self._refresh_tokens.current(session)
        return handed_out(request, token, session, refresh_token, signed_in)

    async def _judge(
        self, policy: Named[LoginPolicy], context: LoginContext, user: User, identity: Identity
    ) -> None:
        try:
            await self._dispatcher.call(
                policy.id,
                lambda: policy.opened.check_login(context, user, identity),
                gives=type(None),
                refusals=(LoginFailed,),
            )
        except LoginFailed as failure:
            _log.info("login_refused", reason=failure.reason, policy=policy.id, user_id=user.id)
            raise self._refused(context.origin, failure.reason, user.id) from failure

    async def _incomplete(
        self, named: Named[LoginMethod], challenge: Challenge, context: LoginContext
    ) -> LoginIncomplete:
        flow = secrets.token_urlsafe(32)
        flow_id = _flow_id(flow)
        expires_at = context.now + FLOW_LIFETIME
        sealed = self._sealer.seal(challenge.state, place=_flow_place(flow_id))
        async with self._storage.transaction() as tx:
            await tx.login_flows.add(
                LoginFlow(
                    id=flow_id,
                    authenticator_id=named.id,
                    sealed_state=sealed,
                    expires_at=expires_at,
                )
            )
        step = {"id": named.id, "kind": challenge.kind, "data": dict(challenge.data)}
        return LoginIncomplete(
            members={"flow": flow, "expires_at": format_instant(expires_at), "methods": [step]}
        )

    async def _user_of(self, identity: Identity, origin: Origin) -> User:
        evidence = Authentication(
            identity=identity,
            credential=CredentialRef(
                kind="login", id="", authenticator_id=identity.authenticator_id
            ),
            scope_limit=NO_LIMIT,
            environment_limit=NO_LIMIT,
        )
        user_id = user_id_of(evidence)
        async with self._storage.transaction(read_only=True) as tx:
            user = await tx.users.get(user_id) if user_id else None
        if user is None or not user.active:
            reason = "inactive" if user else "unknown_identity"
            _log.info("login_refused", reason=reason)
            raise self._refused(origin, reason, user.id if user else None)
        return user

    def _new_session(self, user: User, method: str, identity: Identity, origin: Origin) -> Session:
        now = self._clock.now()
        session = Session(
            id=new_id(),
            user_id=user.id,
            authenticator_id=method,
            created_at=now,
            expires_at=now + self._parts.session_max_age,
            auth_time=identity.auth_time or now,
            amr=identity.amr,
            ip=origin.address,
            user_agent=(origin.user_agent or "")[:_MAX_USER_AGENT] or None,
        )
        return self._refresh_tokens.begin(session)

    async def _begin(self, session: Session, judged: Verified, origin: Origin) -> None:
        """Write the session, unless its user or the password changed while it was judged."""
        async with self._changes.begin_login(session.user_id, origin) as writing:
            if not await writing.tx.users.note_login(session.user_id, session.created_at):
                # disabled while the password was being checked
                raise self._refused(origin, "raced", session.user_id)
            if not await _still_holds(writing, session.user_id, judged):
                # what was checked is the old password, or is used up
                raise self._refused(origin, "raced", session.user_id)
            await writing.tx.sessions.add(session)
            await writing.record("session.begin", f"session:{session.id}")

    def _refused(
        self, origin: Origin, reason: str, user_id: str | None = None
    ) -> InvalidCredentials:
        self._refusals.login(origin, reason, user_id)
        return InvalidCredentials()


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


def _flow_id(flow: str) -> str:
    """The flow's text is known to the client alone; its digest is what is kept."""
    return hashlib.sha256(flow.encode()).hexdigest()


def _flow_place(flow_id: str) -> str:
    return f"login_flows:sealed_state:{flow_id}"
