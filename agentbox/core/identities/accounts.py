"""Whose an identity of another site is: a user's it is linked to, or one that may be found or made.

Its key is (issuer, subject) and never the e-mail address. An address counts only if the site has
verified it, and never opens an account of an admin (OA-05, OA-06, OA-07, OA-09).
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import NamedTuple

import msgspec

from agentbox.core.changes import Changes, Work, Writing
from agentbox.core.people.wiping import wipe
from agentbox.core.signing_in import SigningIn
from agentbox.errors import Conflict, InvalidCredentials
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Identity
from agentbox.model.formats.names import canonical_email, canonical_username, is_username
from agentbox.model.ids import new_id
from agentbox.model.principal import Operator, Origin
from agentbox.model.users import LinkedBy, LinkedIdentity, Status, User
from agentbox.plugin.authenticator import AccountPolicy, LoginContext, Verified
from agentbox.plugin.storage import Change, Storage, Transaction

SYSTEM = Operator("system")

LINKED_BY_EMAIL = (Role.VIEWER, Role.USER)
"""Whose account a verified address may open; admins link while signed in, or not at all."""

TRIES = 3
"""How often a sign-in is judged where others change meanwhile whom it is about."""

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_BASE = 48


class _Found(NamedTuple):
    """Whom a sign-in is about: as they are, or as they would be made.

    `link_by` is what is still to be linked by, and `squatter` who loses the address then.
    """

    user: User
    link_by: LinkedBy | None = None
    squatter: User | None = None

    @property
    def to_be_made(self) -> bool:
        return self.link_by is LinkedBy.FIRST_SIGN_IN

    def is_about(self, other: _Found) -> bool:
        """Whether what was judged of the one holds of the other."""
        mine, theirs = self.user, other.user
        same = (mine.id, mine.username) == (theirs.id, theirs.username)
        return same and self.link_by is other.link_by


class Accounts:
    """Finds the user of an identity, or makes one where the provider's policy says so."""

    def __init__(self, storage: Storage, changes: Changes, signing_in: SigningIn) -> None:
        self._storage = storage
        self._changes = changes
        self._signing_in = signing_in

    async def user_of(self, judged: Verified, context: LoginContext) -> User:
        """An active user, whom every login policy lets in.

        The policies are asked before anything is made, linked or taken away, and again where it is
        about somebody else by then. Raises `InvalidCredentials`, with the reason in the audit, and
        what `SigningIn.judge` raises.
        """
        identity = judged.identity
        for _ in range(TRIES):
            async with self._storage.transaction(read_only=True) as tx:
                found = await self._find(tx, judged, context.origin, _nobody(context.now))
            await self._signing_in.judge(
                found.user, identity, context, is_made=not found.to_be_made
            )
            if found.link_by is None:
                return found.user
            user = await self._settled(judged, found, context.origin)
            if user is not None:
                return user
        raise self._refused(context.origin, "raced")

    async def _find(
        self, tx: Transaction, judged: Verified, origin: Origin, nobody: User
    ) -> _Found:
        """Whom it is about, as `tx` has it; `nobody` is who would be made, with a name or none."""
        identity, policy = judged.identity, judged.accounts
        user = await _linked(tx, identity)
        if user is not None:
            if not user.active:
                raise self._refused(origin, "inactive", user.id)
            return _Found(user)
        email = verified_email(identity)
        holder = await tx.users.by_email(email) if email else None
        if holder is not None and _may_link(holder, policy):
            if await tx.identities.of_user(holder.id):
                raise self._refused(origin, "email_taken", holder.id)
            if await tx.identities.unlinked_of(holder.id):
                raise self._refused(origin, "unlinked", holder.id)
            if holder.password_change_required:
                raise self._refused(origin, "password_reset", holder.id)
            return _Found(holder, LinkedBy.EMAIL)
        if not policy.auto_provision:
            raise self._refused(origin, "unknown_identity")
        if holder is not None and holder.email_verified:
            raise self._refused(origin, "email_taken", holder.id)
        name = await _free_username(tx, nobody.username or _wished_name(identity, email))
        new = msgspec.structs.replace(
            nobody, username=name, email=email, email_verified=email is not None
        )
        return _Found(new, LinkedBy.FIRST_SIGN_IN, holder)

    async def _settled(self, judged: Verified, found: _Found, origin: Origin) -> User | None:
        """Link it to whom it was found for, or make them; None if it is about others by now.

        Alone with all that changes rights; but somebody signed in may link the identity beside
        this, alone with its own logins only.
        """
        try:
            async with self._changes.begin(SYSTEM, origin) as work:
                if not found.to_be_made:
                    await work.alone_with_logins_of(found.user.id)
                now = await self._find(work.tx, judged, origin, found.user)
                if not now.is_about(found):
                    return None
                if now.to_be_made:
                    return await _provision(work, judged.identity, now)
                # What the account had may be somebody else's, who knew the address.
                await link(work, now.user.id, judged.identity, by=LinkedBy.EMAIL)
                return await wipe(work, now.user)
        except Conflict:
            return None

    def _refused(
        self, origin: Origin, reason: str, user_id: str | None = None
    ) -> InvalidCredentials:
        return self._signing_in.refused(origin, reason, user_id)


def verified_email(identity: Identity) -> str | None:
    """The address, if the site has verified it: no other counts (OA-06)."""
    return canonical_email(identity.email or "") if identity.email_verified else None


async def link(work: Writing, user_id: str, identity: Identity, *, by: LinkedBy) -> LinkedIdentity:
    """Add the link and its audit row. Raises `Conflict` if the identity is somebody's already."""
    linked = LinkedIdentity(
        id=new_id(),
        user_id=user_id,
        issuer=identity.issuer,
        subject=identity.subject,
        provider=identity.authenticator_id,
        email=verified_email(identity),
        linked_by=by,
        linked_at=work.now,
    )
    await work.tx.identities.add(linked)
    details = {
        "identity_id": linked.id,
        "provider": linked.provider,
        "subject_digest": linked.subject_digest,
        "by": by.value,
    }
    await work.record("identity.link", f"user:{user_id}", details)
    return linked


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


async def _provision(work: Work, identity: Identity, found: _Found) -> User:
    """Make who was found to be made, and link them."""
    if found.squatter is not None:
        await _take_address(work, found.squatter)
    user = msgspec.structs.replace(found.user, created_at=work.now, updated_at=work.now)
    await work.tx.users.add(user)
    await work.record("user.create", f"user:{user.id}")
    await link(work, user.id, identity, by=LinkedBy.FIRST_SIGN_IN)
    return user


async def _take_address(work: Work, squatter: User) -> None:
    """An address that nobody has verified goes to whom the site has verified it for.

    Whoever has it may sign in meanwhile, which is alone with its own logins only; so it is read
    again under that lock, since all of it is written. Who is to be made has none of their own.
    """
    await work.alone_with_logins_of(squatter.id)
    now = await work.tx.users.get(squatter.id) or squatter
    await work.tx.users.replace(msgspec.structs.replace(now, email=None, updated_at=work.now))
    work.changed(Change("user", squatter.id))
    await work.record("user.update", f"user:{squatter.id}", {"email": "changed"})


def _nobody(now: datetime) -> User:
    """A user of the lowest role, without a password, whatever the site says; a name is wanting."""
    return User(
        id=new_id(),
        username="",
        email=None,
        email_verified=False,
        role=Role.VIEWER,
        status=Status.ACTIVE,
        password_change_required=False,
        created_at=now,
        updated_at=now,
    )


def _wished_name(identity: Identity, email: str | None) -> str:
    """What the site calls them, else the beginning of the address, else the provider's id."""
    wanted = identity.preferred_username or email or ""
    base = _NO_NAME.sub("-", wanted.partition("@")[0]).strip("-._")[:_LONGEST_BASE]
    return base if is_username(base) else identity.authenticator_id


async def _free_username(tx: Transaction, wished: str) -> str:
    """That name, with something random behind it if it is taken: a number would tell how often."""
    if await tx.users.by_username(canonical_username(wished) or "") is None:
        return wished
    return f"{wished}-{secrets.token_hex(5)}"
