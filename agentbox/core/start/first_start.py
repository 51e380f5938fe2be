"""The first start: one super_admin, with a password that nobody shipped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from agentbox.config.sections import AdminSettings
from agentbox.core.changes import Writing
from agentbox.core.people.passwords import FIRST_START, Passwords
from agentbox.core.start.private_file import write_private
from agentbox.errors import Conflict, Problem, StartError, WeakPassword
from agentbox.model.access.roles import Role
from agentbox.model.formats.names import canonical_email
from agentbox.model.ids import new_id, random_base62
from agentbox.model.principal import Origin
from agentbox.model.secret import Secret
from agentbox.model.users import PasswordRecord, Status, User
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

_PASSWORD_LENGTH = 24
"""Base62 characters: 142 bits."""

_log = structlog.get_logger("agentbox.first_start")

Deliver = Callable[[str, Secret], None]
"""Hands a generated password to the operator: (username, password)."""


async def ensure_first_admin(
    storage: Storage, clock: Clock, passwords: Passwords, admin: AdminSettings, deliver: Deliver
) -> bool:
    """Make the super_admin unless this database has been started before; True if it was made.

    A row decides, not an empty table of users: a server whose admins are gone makes no new one. The
    password is delivered before the commit, so that a kill in between leaves a password that opens
    nothing, and never an admin whose password nobody knows. Raises `StartError` if the configured
    password is weak.
    """
    async with storage.transaction(read_only=True) as tx:
        if await tx.markers.get(FIRST_START) is not None:
            return False
    generated = admin.password is None
    password = admin.password or Secret(random_base62(_PASSWORD_LENGTH))
    email = canonical_email(admin.email) if admin.email else None
    try:
        password_hash = await passwords.accept(password, username=admin.username, email=email)
    except WeakPassword as weak:
        raise StartError(
            f"AGENTBOX_ADMIN_PASSWORD ([admin] password) is too weak: {weak.detail} "
            "Set a better one, or leave it out to have one made."
        ) from weak
    except Problem as problem:
        raise StartError(
            f"The first super_admin can't be given a password: {problem.detail} "
            'Is "password" in [plugins] enabled? The log says more.'
        ) from problem
    async with storage.transaction() as tx:
        await tx.lock("rights")
        now = clock.now()
        user = User(
            id=new_id(),
            username=admin.username,
            email=email,
            email_verified=email is not None,
            role=Role.SUPER_ADMIN,
            status=Status.ACTIVE,
            password_change_required=generated,
            created_at=now,
            updated_at=now,
        )
        if not await tx.markers.claim(FIRST_START, user.id):
            return False
        try:
            await tx.users.add(user)
        except Conflict as taken:
            raise StartError(
                f"This database says that it was never started, but holds a user {admin.username} "
                "already. If you removed the marker first_start, put it back, or choose another "
                "AGENTBOX_ADMIN_USERNAME."
            ) from taken
        await tx.passwords.put(PasswordRecord(user.id, password_hash, now))
        await Writing(tx, now, "system", Origin()).record("user.create", f"user:{user.id}")
        if generated:
            deliver(admin.username, password)
    return True


class InitialPassword:
    """Where a generated password goes: the terminal, else a file that goes with the change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def deliver(self, username: str, password: Secret) -> None:
        """Show it once on a terminal; without one, write it to a file only its owner may read."""
        if sys.stderr.isatty():
            sys.stderr.write(
                f"\n  First start. Sign in as {username} with this password, then change it:\n\n"
                f"      {password.reveal()}\n\n"
            )
            sys.stderr.flush()
            return
        try:
            write_private(self.path, password.reveal().encode() + b"\n", new=False)
        except OSError as error:
            raise StartError(
                f"The first password can't be written to {self.path}: {error.strerror}. "
                "Set AGENTBOX_ADMIN_PASSWORD, or start on a terminal once."
            ) from error
        sys.stderr.write(f"First start: the password of {username} is in {self.path}\n")
        sys.stderr.flush()

    def forget(self) -> None:
        """Remove the file, once the password has been changed; a file that stays is reported."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("initial_password_file_stays", path=str(self.path), error=error.strerror)
