"""Recovery: what an admin does for somebody who can't sign in any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from agentbox.core.changes import Changes
from agentbox.core.people.passwords import Passwords
from agentbox.core.people.targets import other
from agentbox.core.people.unlinking import unlink_each
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import USERS_CREDENTIALS, ScopeTable
from agentbox.model.formats.reset_secret import new_reset_secret, reset_digest
from agentbox.model.principal import Actor, Origin
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, PasswordReset, User

RESET_LIFETIME = timedelta(hours=1)


class IssuedReset(NamedTuple):
    """A reset secret, which is never to be had again, and until when it can be used."""

    secret: Secret
    expires_at: datetime


class Recovery:
    """Resets passwords and lifts what keeps somebody out."""

    def __init__(self, *, changes: Changes, passwords: Passwords, scopes: ScopeTable) -> None:
        self._changes = changes
        self._passwords = passwords
        self._scopes = scopes

    async def reset(self, actor: Actor, origin: Origin, user_id: str) -> IssuedReset:
        """Take the user's password, sessions and sign-ins elsewhere away, for a secret that signs
        in once.

        A second reset replaces the secret of the first. Raises `InsufficientScope` or
        `InsufficientRole`, `NotFound`, `SelfForbidden`, `InsufficientRank`.
        """
        secret = new_reset_secret()
        async with self._changes.begin(actor, origin, of=user_id) as work:
            require_scope(work.actor, USERS_CREDENTIALS, self._scopes)
            user = await other(work, user_id)
            await self._passwords.take_away(work, user)
            await unlink_each(work, user.id, *LinkedBy)
            expires_at = work.now + RESET_LIFETIME
            await work.tx.password_resets.put(
                PasswordReset(user.id, reset_digest(secret), work.now, expires_at)
            )
            await work.tx.users.replace(
                msgspec.structs.replace(user, password_change_required=True, updated_at=work.now)
            )
            await work.record("user.password_reset", f"user:{user.id}")
        return IssuedReset(secret, expires_at)

    async def unlock(self, actor: Actor, origin: Origin, user_id: str) -> User:
        """Lift the throttling of the user's failed logins, everywhere. Raises as `reset` does.

        What is counted for an address, or for all logins together, stays.
        """
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, USERS_CREDENTIALS, self._scopes)
            user = await other(work, user_id)
            await work.tx.throttles.lift(user.id, work.now)
            await work.record("user.unlock", f"user:{user.id}")
        return user
