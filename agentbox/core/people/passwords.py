"""Passwords: judged by the policies, hashed outside of transactions, changed by their owner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from agentbox.core.changes import Changes, Work
from agentbox.core.guesses import Guesses
from agentbox.core.recognition.dispatch import LOGIN_DEADLINE, Dispatcher, Named
from agentbox.errors import (
    FieldFault,
    InvalidPassword,
    InvalidToken,
    SessionRequired,
    Unavailable,
    ValidationFailed,
    WeakPassword,
)
from agentbox.model.access.decisions import require_fresh
from agentbox.model.principal import PASSWORD_CHANGE_REQUIRED, Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord, User
from agentbox.plugin.authenticator import PasswordHasher
from agentbox.plugin.policy import PasswordContext, PasswordPolicy
from agentbox.plugin.storage import Change, Storage, Transaction

FIRST_START = "first_start"
"""The marker that holds the id of the user made on the first start."""

BY_PASSWORD = ("pwd",)
"""How somebody was authenticated who gave a password (RFC 8176)."""

_NEW = "/new_password"


class Reauthenticated(NamedTuple):
    """When and how the user of a session was authenticated last."""

    auth_time: datetime
    amr: tuple[str, ...]


class Passwords:
    """Sets and changes passwords."""

    def __init__(
        self,
        *,
        hasher: Named[PasswordHasher] | None,
        policies: Sequence[Named[PasswordPolicy]],
        dispatcher: Dispatcher,
        storage: Storage,
        changes: Changes,
        guesses: Guesses,
        forget_initial_password: Callable[[], None],
        methods: Collection[str],
    ) -> None:
        """`methods` are the ids of the sign-in methods that judge passwords and reset secrets."""
        self._hasher = hasher
        self._policies = policies
        self._dispatcher = dispatcher
        self._storage = storage
        self._changes = changes
        self._guesses = guesses
        self._forget_initial_password = forget_initial_password
        self._methods = methods

    async def accept(
        self,
        password: Secret,
        *,
        username: str,
        email: str | None,
        pointer: str = "/password",
    ) -> str:
        """The hash of a password that every policy accepts; it stood at `pointer` in the body.

        Raises `WeakPassword` with all faults, `Overloaded` if too many hashes are waiting,
        `AuthenticatorUnavailable` if a policy is broken, `Unavailable` if nothing here hashes.
        """
        context = PasswordContext(username=username, email=email)
        faults: list[str] = []
        for policy in self._policies:
            faults += await self._ask(policy, password, context)
        if faults:
            raise _weak(pointer, *faults)
        try:
            return await self._hash(password)
        except WeakPassword as weak:
            raise _weak(pointer, weak.detail) from weak

    async def put(self, work: Work, user: User, password_hash: str, *, keep: str | None) -> None:
        """Write a hash and end the user's sessions but `keep`, inside a change.

        A reset that was waiting to be used is void.
        """
        await work.tx.passwords.put(PasswordRecord(user.id, password_hash, work.now))
        await work.tx.password_resets.delete(user.id)
        await self._replaced(work, user, keep=keep)

    async def take_away(self, work: Work, user: User) -> None:
        """Leave the user without a password and without sessions, inside a change."""
        await work.tx.passwords.delete(user.id)
        await self._replaced(work, user, keep=None)

    async def _replaced(self, work: Work, user: User, *, keep: str | None) -> None:
        await work.tx.sessions.end_all(user.id, work.now, keep=keep)
        work.changed(Change("user", user.id))
        if await work.tx.markers.get(FIRST_START) == user.id:
            work.after_commit.append(self._forget_initial_password)

    async def change_own(
        self, caller: Principal, origin: Origin, *, current: Secret | None, new: Secret
    ) -> None:
        """Change the caller's password; its other sessions end, this one goes on without limits.

        The current password is not looked at in a session that must change it and that a reset
        secret or a first password opened, nor asked of a user who has none and need not change it:
        that one must have just signed in, by whatever it does sign in by. Raises
        `InvalidPassword`, `RateLimited` after too many of them, `InsufficientUserAuthentication`,
        `WeakPassword`, and what `accept` raises.
        """
        must = PASSWORD_CHANGE_REQUIRED in caller.restrictions
        async with self._storage.transaction(read_only=True) as tx:
            record = await tx.passwords.get(caller.user_id)
            by_password = must and await self._began_by_password(tx, caller)
        if not must and record is None and current is None:
            require_fresh(caller, caller.evaluated_at)
        elif not by_password:
            await self._check_current(caller.user_id, origin, record, current)
        user = caller.user
        if record is not None and await self._matches(record.password_hash, new):
            raise _weak(_NEW, "The new password is the current one.")
        password_hash = await self.accept(
            new, username=user.username, email=user.email, pointer=_NEW
        )
        async with self._changes.begin(caller, origin, of=caller.user_id) as work:
            user = await self._unchanged(work, caller.user_id, record)
            await self.put(work, user, password_hash, keep=caller.session_id)
            await work.tx.users.replace(
                msgspec.structs.replace(user, password_change_required=False, updated_at=work.now)
            )
            await work.record("user.password_change", f"user:{user.id}")

    async def _began_by_password(self, tx: Transaction, caller: Principal) -> bool:
        """Not by a sign-in elsewhere: who has that has not shown the secret of the reset."""
        session = await tx.sessions.get(caller.session_id or "")
        return session is not None and session.authenticator_id in self._methods

    async def reauthenticate(
        self, caller: Principal, origin: Origin, password: Secret
    ) -> Reauthenticated:
        """Note on the caller's session that it gave its password just now.

        Raises `SessionRequired` for an API key, `InvalidPassword`, `RateLimited`, `Overloaded`,
        `AuthenticatorUnavailable`, `Unavailable`.
        """
        session_id = caller.session_id
        if session_id is None:
            raise SessionRequired
        async with self._storage.transaction(read_only=True) as tx:
            record = await tx.passwords.get(caller.user_id)
        await self._check_current(caller.user_id, origin, record, password)
        async with self._changes.begin(caller, origin, of=caller.user_id) as work:
            await self._unchanged(work, caller.user_id, record)
            await work.tx.sessions.renew(session_id, work.now, BY_PASSWORD)
            work.changed(Change("session", session_id))
            await work.record("session.reauthenticate", f"session:{session_id}")
        return Reauthenticated(work.now, BY_PASSWORD)

    async def _check_current(
        self, user_id: str, origin: Origin, record: PasswordRecord | None, current: Secret | None
    ) -> None:
        if current is None:
            raise ValidationFailed(errors=[FieldFault("/current_password", "is required")])
        async with self._guesses.judge(user_id, origin):
            if record is None or not await self._matches(record.password_hash, current):
                raise InvalidPassword

    @staticmethod
    async def _unchanged(work: Work, user_id: str, record: PasswordRecord | None) -> User:
        """The user, if its password is still the one that was checked; else a race was lost."""
        user = await work.tx.users.get(user_id)
        if user is None:
            raise InvalidToken
        there = await work.tx.passwords.get(user_id)
        if (there and there.password_hash) != (record and record.password_hash):
            raise InvalidPassword
        return user

    async def _ask(
        self, policy: Named[PasswordPolicy], password: Secret, context: PasswordContext
    ) -> Sequence[str]:
        """The faults a policy finds; a policy that breaks, or says anything else, refuses."""
        faults = await self._dispatcher.call(
            policy.id,
            lambda: policy.opened.check_password(password, context),
            gives=(list, tuple),
            deadline=LOGIN_DEADLINE,
        )
        if not all(isinstance(fault, str) for fault in faults):
            raise self._dispatcher.broke(
                policy.id, "check_password gave faults that are no sentences"
            )
        return faults

    async def _hash(self, password: Secret) -> str:
        hasher = self._the_hasher()
        return await self._dispatcher.call(
            hasher.id,
            lambda: hasher.opened.hash(password),
            gives=str,
            refusals=(WeakPassword,),
            deadline=LOGIN_DEADLINE,
        )

    async def _matches(self, password_hash: str, password: Secret) -> bool:
        hasher = self._the_hasher()
        return await self._dispatcher.call(
            hasher.id,
            lambda: hasher.opened.matches(password_hash, password),
            gives=bool,
            deadline=LOGIN_DEADLINE,
        )

    def _the_hasher(self) -> Named[PasswordHasher]:
        if self._hasher is None:
            raise Unavailable("No enabled plugin keeps passwords.")
        return self._hasher


def _weak(pointer: str, *faults: str) -> WeakPassword:
    return WeakPassword(" ".join(faults), errors=[FieldFault(pointer, fault) for fault in faults])
