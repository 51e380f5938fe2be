"""Signing in and out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from agentbox.core.changes import Changes
from agentbox.core.guesses import Guesses
from agentbox.core.recognition.dispatch import LOGIN_DEADLINE, Dispatcher, Named
from agentbox.core.recognition.soundness import is_sound_answer
from agentbox.core.recognition.state import user_id_of
from agentbox.core.signing_in import SignedIn, SigningIn
from agentbox.errors import (
    LoginFailed,
    LoginIncomplete,
    SessionRequired,
    StartError,
)
from agentbox.model.evidence import (
    NO_LIMIT,
    Authentication,
    CredentialRef,
    Identity,
)
from agentbox.model.principal import Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.sessions import LoginFlow
from agentbox.model.times import format_instant
from agentbox.model.users import User
from agentbox.plugin.authenticator import (
    Challenge,
    LoginAnswer,
    LoginContext,
    LoginMethod,
    NotMine,
    PasswordLogin,
    Verified,
)
from agentbox.plugin.services import Clock, Sealer
from agentbox.plugin.storage import Change, Storage

FLOW_LIFETIME = timedelta(minutes=10)

_log = structlog.get_logger("agentbox.login")


Step = Callable[[LoginMethod], Awaitable[LoginAnswer]]


class Login:
    """Signs people in by the first method that knows them, and out again."""

    def __init__(
        self,
        methods: Sequence[Named[LoginMethod]],
        *,
        signing_in: SigningIn,
        storage: Storage,
        clock: Clock,
        sealer: Sealer,
        dispatcher: Dispatcher,
        changes: Changes,
        guesses: Guesses,
    ) -> None:
        self._methods = methods
        self._signing_in = signing_in
        self._storage = storage
        self._clock = clock
        self._sealer = sealer
        self._dispatcher = dispatcher
        self._changes = changes
        self._guesses = guesses

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
        for named in self._methods:
            answer = await self._ask(named, lambda m: m.begin(context, data), context)
            if not isinstance(answer, NotMine):
                return await self._go_on(named, answer, context)
        _log.info("login_refused", reason="nobody_knows_it")
        raise self._signing_in.refused(origin, "nobody_knows_it")

    async def continue_flow(
        self, flow: str, method: str, data: Mapping[str, Any], origin: Origin
    ) -> SignedIn:
        """Go on with a login that needs another step. A flow is used up by each try
        of the method that it waits for.

        Raises as `with_password` does.
        """
        context = LoginContext(now=self._clock.now(), origin=origin)
        flow_id = _flow_id(flow)
        # What waits for something else, such as a browser to come back, is no method's to take.
        named = next((n for n in self._methods if n.id == method), None)
        if named is None:
            raise self._signing_in.refused(origin, "unknown_flow")
        async with self._storage.transaction() as tx:
            waiting = await tx.login_flows.take(flow_id, named.id, context.now)
        if waiting is None:
            raise self._signing_in.refused(origin, "unknown_flow")
        try:
            state = self._sealer.open(waiting.sealed_state, place=_flow_place(flow_id))
        except StartError as error:
            _log.error("login_flow_not_opened", method=method)
            raise self._signing_in.refused(origin, "unknown_flow") from error
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
            raise self._signing_in.refused(
                context.origin, failure.reason, failure.user_id
            ) from failure
        if not is_sound_answer(answer):
            raise self._dispatcher.broke(named.id, "an answer with fields of other kinds")
        return answer

    async def _go_on(
        self, named: Named[LoginMethod], answer: LoginAnswer, context: LoginContext
    ) -> SignedIn:
        if isinstance(answer, Challenge):
            raise await self._incomplete(named, answer, context)
        if isinstance(answer, NotMine):
            raise self._signing_in.refused(context.origin, "nobody_knows_it")
        user = await self._user_of(answer.identity, context.origin)
        return await self._signing_in.begin(user, answer, context, method=named.id)

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
            raise self._signing_in.refused(origin, reason, user.id if user else None)
        return user


def _flow_id(flow: str) -> str:
    """The flow's text is known to the client alone; its digest is what is kept."""
    return hashlib.sha256(flow.encode()).hexdigest()


def _flow_place(flow_id: str) -> str:
    return f"login_flows:sealed_state:{flow_id}"
