"""Whose an identity of another site is: a user's it is linked to, or one that may be found or made.

Its key is (issuer, subject) and never the e-mail address. An address counts only if the site has
verified it, and never opens an account of an admin (OA-05, OA-06, OA-07, OA-09).
"""

from __future__ import annotations

import re
import secrets

import msgspec

from agentbox.core.changes import Changes, Work, Writing
from agentbox.core.signing_in import SigningIn
from agentbox.errors import Conflict, InvalidCredentials
from agentbox.model.access.roles import Role
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.evidence import Identity
from agentbox.model.formats.names import canonical_email, canonical_username, is_username
from agentbox.model.ids import new_id
from agentbox.model.principal import Operator, Origin
from agentbox.model.users import LinkedIdentity, Status, User
from agentbox.plugin.authenticator import AccountPolicy, Verified
from agentbox.plugin.storage import Change, Page, Storage, Transaction

SYSTEM = Operator("system")

LINKED_BY_EMAIL = (Role.VIEWER, Role.USER)
"""Whose account a verified address may open; admins link while signed in, or not at all."""

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_BASE = 48
_NUMBERS_TRIED = 20


class Accounts:
    """Finds the user of an identity, or makes one where the provider's policy says so."""

    def __init__(self, storage: Storage, changes: Changes, signing_in: SigningIn) -> None:
        self._storage = storage
        self._changes = changes
        self._signing_in = signing_in

    async def user_of(self, judged: Verified, origin: Origin) -> User:
        """An active user. Raises `InvalidCredentials`, with the reason in the audit."""
        identity = judged.identity
        async with self._storage.transaction(read_only=True) as tx:
            user = await _linked(tx, identity)
        if user is None:
            user = await self._new_or_just_linked(identity, judged.accounts, origin)
        if not user.active:
            raise self._refused(origin, "inactive", user.id)
        return user

    async def _new_or_just_linked(
        self, identity: Identity, policy: AccountPolicy, origin: Origin
    ) -> User:
        """Somebody signed in may link it at this moment, alone with its own logins only."""
        try:
            return await self._new(identity, policy, origin)
        except Conflict:
            async with self._storage.transaction(read_only=True) as tx:
                user = await _linked(tx, identity)
        if user is None:
            raise self._refused(origin, "raced")
        return user

    async def _new(self, identity: Identity, policy: AccountPolicy, origin: Origin) -> User:
        """Link it to somebody, or make somebody, alone with all that changes rights."""
        email = verified_email(identity)
        async with self._changes.begin(SYSTEM, origin) as work:
            user = await _linked(work.tx, identity)  # by another callback, a moment ago
            if user is not None:
                return user
            holder = await work.tx.users.by_email(email) if email else None
            if holder is not None:
                await work.alone_with_logins_of(holder.id)
                holder = await work.tx.users.get(holder.id)  # as those logins have left it
            if holder is not None and _may_link(holder, policy):
                holder = await _wiped(work, holder)
                await link(work, holder.id, identity, by="email")
                return holder
            if not policy.auto_provision:
                raise self._refused(origin, "unknown_identity")
            if holder is not None and holder.email_verified:
                raise self._refused(origin, "email_taken", holder.id)
            if holder is not None:
                await _take_address(work, holder)
            return await _provision(work, identity, email)

    def _refused(
        self, origin: Origin, reason: str, user_id: str | None = None
    ) -> InvalidCredentials:
        return self._signing_in.refused(origin, reason, user_id)


def verified_email(identity: Identity) -> str | None:
    """The address, if the site has verified it: no other counts (OA-06)."""
    return canonical_email(identity.email or "") if identity.email_verified else None


async def link(work: Writing, user_id: str, identity: Identity, *, by: str) -> LinkedIdentity:
    """Add the link and its audit row. Raises `Conflict` if the identity is somebody's already."""
    linked = LinkedIdentity(
        id=new_id(),
        user_id=user_id,
        issuer=identity.issuer,
        subject=identity.subject,
        provider=identity.authenticator_id,
        email=verified_email(identity),
        linked_at=work.now,
    )
    await work.tx.identities.add(linked)
    details = {"identity_id": linked.id, "provider": linked.provider, "by": by}
    await work.record("identity.link", f"user:{user_id}", details)
    return linked


async def record_unlink(work: Writing, linked: LinkedIdentity) -> None:
    """The audit row of a link that is taken away."""
    details = {"identity_id": linked.id, "provider": linked.provider}
    await work.record("identity.unlink", f"user:{linked.user_id}", details)


async def _linked(tx: Transaction, identity: Identity) -> User | None:
    known = await tx.identities.find(identity.issuer, identity.subject)
    return None if known is None else await tx.users.get(known.user_id)


def _may_link(holder: User, policy: AccountPolicy) -> bool:
    return (
        policy.link_verified_email
        and holder.email_verified
        and holder.active
        and holder.role in LINKED_BY_EMAIL
    )


async def _wiped(work: Work, user: User) -> User:
    """End all that was set up before the address was shown to be theirs: somebody else may have.

    Sessions, password, waiting reset, API keys, and other sign-ins that were linked.
    """
    await work.tx.sessions.end_all(user.id, work.now)
    await work.tx.passwords.delete(user.id)
    await work.tx.password_resets.delete(user.id)
    for linked in await work.tx.identities.of_user(user.id):
        await work.tx.identities.delete(linked.id)
        await record_unlink(work, linked)
    where = ApiKeyFilter(user_id=user.id, state=ApiKeyState.ACTIVE, now=work.now)
    while keys := await work.tx.api_keys.list(where, Page(1000)):
        for key in keys:
            await work.tx.api_keys.revoke(key.id, work.now)
            work.changed(Change("api_key", key.id))
            await work.record("api_key.revoke", f"api_key:{key.id}")
    work.changed(Change("user", user.id))
    # The password that was to be changed is gone; without one there is none to change.
    wiped = msgspec.structs.replace(user, password_change_required=False, updated_at=work.now)
    await work.tx.users.replace(wiped)
    return wiped


async def _take_address(work: Work, squatter: User) -> None:
    """An address that nobody has verified goes to whom the site has verified it for."""
    await work.tx.users.replace(msgspec.structs.replace(squatter, email=None, updated_at=work.now))
    work.changed(Change("user", squatter.id))
    await work.record("user.update", f"user:{squatter.id}", {"email": "changed"})


async def _provision(work: Work, identity: Identity, email: str | None) -> User:
    """A user of the lowest role, without a password; whatever else the site says of it."""
    user = User(
        id=new_id(),
        username=await _free_username(work.tx, identity, email),
        email=email,
        email_verified=email is not None,
        role=Role.VIEWER,
        status=Status.ACTIVE,
        password_change_required=False,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.tx.users.add(user)
    await work.record("user.create", f"user:{user.id}")
    await link(work, user.id, identity, by="first_sign_in")
    return user


async def _free_username(tx: Transaction, identity: Identity, email: str | None) -> str:
    """What the site calls them, else the beginning of the address, with a number if it is taken.

    With something random after a few numbers: a name that thousands wanted must not hold us up.
    """
    wanted = identity.preferred_username or email or ""
    base = _NO_NAME.sub("-", wanted.partition("@")[0]).strip("-._")[:_LONGEST_BASE]
    if not is_username(base):
        base = identity.authenticator_id
    for number in range(1, _NUMBERS_TRIED + 1):
        name = base if number == 1 else f"{base}-{number}"
        if await tx.users.by_username(canonical_username(name) or "") is None:
            return name
    return f"{base}-{secrets.token_hex(5)}"
