"""One's own sign-ins at other sites: seen, added, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from msgspec.structs import replace

from agentbox.core.changes import Changes
from agentbox.core.identities.accounts import link
from agentbox.core.identities.asking import SIGN_IN_AGAIN
from agentbox.core.identities.redirects import Begun, Link, Redirects
from agentbox.core.people.passwords import Passwords
from agentbox.core.people.unlinking import unlink, was_opened_by_email
from agentbox.core.signing_in import SigningIn
from agentbox.errors import (
    Conflict,
    FieldFault,
    InvalidGrant,
    NotFound,
    SessionRequired,
    ValidationFailed,
)
from agentbox.model.access.roles import Role
from agentbox.model.evidence import Identity
from agentbox.model.principal import Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, LinkedIdentity, PasswordRecord, User
from agentbox.plugin.storage import Change, Storage, Transaction

LAST_WAY_IN = "This is the only way in that is left. Set a password or link another one first."

_log = structlog.get_logger("agentbox.login")


class Linking:
    """The use cases around linked identities."""

    def __init__(
        self,
        *,
        storage: Storage,
        changes: Changes,
        passwords: Passwords,
        redirects: Redirects,
        signing_in: SigningIn,
        password_signs_in: bool,
    ) -> None:
        """`password_signs_in` says whether a password is a way in, or nothing asks for one."""
        self._storage = storage
        self._changes = changes
        self._passwords = passwords
        self._redirects = redirects
        self._signing_in = signing_in
        self._password_signs_in = password_signs_in

    async def list(self, caller: Principal) -> Sequence[LinkedIdentity]:
        """The caller's own, the first linked first."""
        return await self.of_user(caller.user_id)

    async def of_user(self, user_id: str) -> Sequence[LinkedIdentity]:
        """A user's, the first linked first; whether one may see them has been judged."""
        async with self._storage.transaction(read_only=True) as tx:
            return await tx.identities.of_user(user_id)

    async def begin(
        self,
        caller: Principal,
        origin: Origin,
        provider: str,
        *,
        current_password: Secret | None,
        return_to: str | None = None,
    ) -> Begun:
        """Where to send the browser of somebody who wants to link a sign-in.

        Who has a password gives it; the session is fresh either way, as the route asks. Raises as
        `Redirects.begin` does, and `InvalidPassword`, `RateLimited`, `SessionRequired`.
        """
        session_id = caller.session_id
        if session_id is None:
            raise SessionRequired
        self._redirects.require(provider, return_to)
        async with self._storage.transaction(read_only=True) as tx:
            password = await tx.passwords.get(caller.user_id)
        if password is not None:
            if current_password is None:
                raise ValidationFailed(errors=[FieldFault("/current_password", "is required")])
            await self._passwords.reauthenticate(caller, origin, current_password)
        return await self._redirects.begin(
            provider,
            origin,
            return_to=return_to,
            link=Link(caller.user_id, session_id, _set_at(password)),
        )

    async def finish(self, asked: Link, identity: Identity, origin: Origin) -> LinkedIdentity:
        """Link what the site has vouched for to who asked for it; all other sessions end.

        What is linked to them already stays as it is, and so does everything else.
        Raises `InvalidGrant` if the session that asked is over, the user is not active, the
        password is another one since, or the identity is linked to another.
        """
        origin = replace(origin, provider=identity.authenticator_id)
        try:
            async with self._changes.begin_login(asked.user_id, origin) as writing:
                tx, now = writing.tx, writing.now
                session = await tx.sessions.get(asked.session_id)
                user = await tx.users.get(asked.user_id)
                if session is None or not session.live(now) or user is None or not user.active:
                    raise self._refused(origin, "session", asked.user_id)
                if _set_at(await tx.passwords.get(user.id)) != asked.password_set_at:
                    raise self._refused(origin, "password", asked.user_id)
                known = await tx.identities.find(identity.issuer, identity.subject)
                if known is not None and known.user_id == user.id:
                    return known
                linked = await link(writing, user.id, identity, by=await _linked_by(tx, user))
                await tx.sessions.end_all(user.id, now, keep=session.id)
                writing.changed(Change("user", user.id))
        except Conflict:
            raise self._refused(origin, "identity_taken", asked.user_id) from None
        return linked

    async def unlink(self, caller: Principal, origin: Origin, identity_id: str) -> None:
        """Take a sign-in away; all other sessions end.

        Raises `NotFound` for one that is not the caller's, `Conflict` for the last way in.
        """
        async with self._changes.begin(caller, origin, of=caller.user_id) as work:
            linked = await work.tx.identities.of_user(caller.user_id)
            target = next((each for each in linked if each.id == identity_id), None)
            if target is None:
                raise NotFound("There is no such identity.")
            if not (
                self._opens_another(linked, target)
                or await self._opens_by_password(work.tx, caller)
            ):
                raise Conflict(LAST_WAY_IN)
            await unlink(work, target)
            await work.tx.sessions.end_all(caller.user_id, work.now, keep=caller.session_id)
            work.changed(Change("user", caller.user_id))

    def _opens_another(self, linked: Sequence[LinkedIdentity], target: LinkedIdentity) -> bool:
        """Whether another one is left whose site is still signed in at, by whatever name."""
        issuers = {info.issuer for info in self._redirects.providers}
        return any(each.id != target.id and each.issuer in issuers for each in linked)

    async def _opens_by_password(self, tx: Transaction, caller: Principal) -> bool:
        """Whether the caller has a password, and something here signs in by it."""
        return self._password_signs_in and await tx.passwords.get(caller.user_id) is not None

    def _refused(self, origin: Origin, reason: str, user_id: str) -> InvalidGrant:
        _log.info("identity_not_linked", reason=reason, user_id=user_id)
        self._signing_in.refused(origin, reason, user_id)
        return InvalidGrant(SIGN_IN_AGAIN)


async def _linked_by(tx: Transaction, user: User) -> LinkedBy:
    """The session, or the address that has let somebody in there: it may be their session.

    Of an admin a promotion has taken away whatever an address had opened.
    """
    if user.role.reaches(Role.ADMIN) or not await was_opened_by_email(tx, user.id):
        return LinkedBy.SESSION
    return LinkedBy.EMAIL


def _set_at(password: PasswordRecord | None) -> datetime | None:
    return None if password is None else password.updated_at
