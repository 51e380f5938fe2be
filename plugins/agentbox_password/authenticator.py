"""Signs people in by username (or verified e-mail) and password."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from agentbox.errors import LoginFailed, Overloaded, StorageError, WeakPassword
from agentbox.model.evidence import LOCAL_ISSUER, Identity
from agentbox.model.formats.names import canonical_email, canonical_username
from agentbox.model.formats.reset_secret import reset_digest
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord, PasswordReset, User
from agentbox.plugin import (
    LoginContext,
    NotMine,
    PasswordAuthenticator,
    PasswordHasher,
    PasswordLogin,
    Services,
    Transaction,
    Verified,
)
from agentbox_password.argon2id import Argon2id, Verdict
from agentbox_password.pool import BoundedPool
from agentbox_password.text import to_hash

P = ParamSpec("P")
T = TypeVar("T")

_NOBODY = ""

_Found = tuple[User | None, PasswordRecord | None, PasswordReset | None]


class LocalPasswords(PasswordAuthenticator, PasswordHasher):
    """Passwords of users in our own database.

    Every answer costs one verification in the pool, whoever is asked about (PW-01, PW-02).
    """

    def __init__(self, services: Services, argon2id: Argon2id, pool: BoundedPool) -> None:
        self._services = services
        self._argon2id = argon2id
        self._pool = pool

    async def verify(self, context: LoginContext, login: PasswordLogin) -> Verified | NotMine:
        """Who has this name and this password; `NotMine` for a name without a password here.

        A reset secret that waits to be used is as good as the password. A user who is not active is
        told apart by the core alone, after this. Raises `LoginFailed` for a wrong password,
        `Overloaded` where too many wait.
        """
        user, record, reset = await self._find(login.username)
        given = to_hash(login.password.reveal())
        verdict = await self._judge(None if record is None else record.password_hash, given)
        digest = b"" if given is None else reset_digest(login.password)
        if user is not None and reset is not None and _opens(reset, digest, context):
            return Verified(self._identity(user, "otp", context), password_reset=digest)
        if user is None or record is None:
            return NotMine()
        if verdict.corrupt:
            self._services.log.error("password_hash_corrupt", user_id=user.id)
            raise LoginFailed("hash", user.id)
        if not verdict.matches:
            raise LoginFailed("password", user.id)
        if verdict.outdated and given is not None:
            await self._upgrade(user.id, record.password_hash, given)
        return Verified(self._identity(user, "pwd", context), password_set_at=record.updated_at)

    async def hash(self, password: Secret) -> str:
        """A new hash. Raises `WeakPassword` for what can't be a password, and `Overloaded`."""
        given = to_hash(password.reveal())
        if given is None:
            raise WeakPassword("A password has 1 to 1024 bytes and no NUL.")
        return await self._in_pool(self._argon2id.hash, given)

    async def matches(self, password_hash: str, password: Secret) -> bool:
        """Whether the password has that hash; False for a hash that can't be read."""
        return (await self._judge(password_hash, to_hash(password.reveal()))).matches

    async def _judge(self, stored: str | None, given: bytes | None) -> Verdict:
        return await self._in_pool(self._argon2id.judge, stored, given)

    def _in_pool(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        future = self._pool.submit(work, *args, **kwargs)
        self._services.count("hashes")
        return future

    def _identity(self, user: User, method: str, context: LoginContext) -> Identity:
        return Identity(
            issuer=LOCAL_ISSUER,
            subject=user.id,
            authenticator_id=self._services.instance_id,
            amr=(method,),  # RFC 8176: a reset secret is a one-time password
            auth_time=context.now,
        )

    async def _find(self, name: str) -> _Found:
        """The user and what opens its account; as many reads for nobody as for somebody."""
        async with self._services.storage.transaction(read_only=True) as tx:
            user = await self._user(tx, name)
            user_id = _NOBODY if user is None else user.id
            record = await tx.passwords.get(user_id)
            reset = await tx.password_resets.get(user_id)
        return user, record, reset

    async def _user(self, tx: Transaction, name: str) -> User | None:
        # A username has no @, so a name is one or the other.
        if "@" not in name:
            return await tx.users.by_username(canonical_username(name) or _NOBODY)
        user = await tx.users.by_email(canonical_email(name) or _NOBODY)
        return user if user is not None and user.email_verified else None

    async def _upgrade(self, user_id: str, old_hash: str, given: bytes) -> None:
        """Keep the password under the current parameters; if that fails now, at the next login."""
        try:
            new_hash = await self._in_pool(self._argon2id.hash, given)
            async with self._services.storage.transaction() as tx:
                await tx.passwords.upgrade(user_id, old_hash, new_hash)
        except (Overloaded, StorageError) as fault:
            self._services.log.warning("password_rehash_failed", user_id=user_id, reason=str(fault))


def _opens(reset: PasswordReset, digest: bytes, context: LoginContext) -> bool:
    return hmac.compare_digest(reset.digest, digest) and context.now < reset.expires_at
