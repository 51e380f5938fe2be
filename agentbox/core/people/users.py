"""Users: who may see, make and change them, and the doing of it in one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from agentbox.core.changes import Changes, Work
from agentbox.core.paging import Asked, Found, Pages
from agentbox.core.people.deletion import remove
from agentbox.core.people.fields import checked_email, checked_username
from agentbox.core.people.passwords import Passwords
from agentbox.core.people.targets import found, is_self, other
from agentbox.core.people.unlinking import unlink_each
from agentbox.core.people.writing import write
from agentbox.errors import (
    InsufficientRank,
    InsufficientRole,
    LastSuperAdmin,
    NotFound,
    Problem,
    SelfForbidden,
)
from agentbox.model.access.decisions import require_fresh, require_rank, require_scope
from agentbox.model.access.roles import Role
from agentbox.model.access.scopes import (
    ROLES_WRITE,
    SELF_WRITE,
    USERS_CREDENTIALS,
    USERS_WRITE,
    ScopeTable,
)
from agentbox.model.formats.names import canonical_username
from agentbox.model.ids import new_id
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import LinkedBy, Status, User, UserFilter
from agentbox.plugin.storage import Storage


class NewUser(Struct, frozen=True, kw_only=True):
    """What a user is made of."""

    username: str
    email: str | None = None
    password: Secret | None = None
    role: Role = Role.USER
    status: Status = Status.ACTIVE


class UserEdit(Struct, frozen=True, kw_only=True):
    """What is to change; `email` None removes it, unset leaves it."""

    username: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    password: Secret | UnsetType = UNSET


class Switched(NamedTuple):
    """What became of one of several users; `refusal` says why it is as it was."""

    user_id: str
    refusal: Problem | None = None


class Users:
    """The use cases around users."""

    def __init__(
        self,
        *,
        storage: Storage,
        changes: Changes,
        passwords: Passwords,
        scopes: ScopeTable,
        pages: Pages,
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._passwords = passwords
        self._scopes = scopes
        self._pages = pages

    async def list(self, where: UserFilter, asked: Asked) -> Found[User]:
        """One page, newest first. Raises `InvalidCursor`, `ValidationFailed`."""
        page = self._pages.page(asked, where)
        async with self._storage.transaction(read_only=True) as tx:
            rows, total = await tx.users.list(where, page), await tx.users.count(where)
        return self._pages.found(asked, where, rows, total, lambda u: (u.created_at, u.id))

    async def get(self, user_id: str) -> User:
        """The user. Raises `NotFound`."""
        async with self._storage.transaction(read_only=True) as tx:
            return found(await tx.users.get(user_id))

    async def by_name(self, username: str) -> User:
        """The user with this name, in any case. Raises `NotFound`."""
        async with self._storage.transaction(read_only=True) as tx:
            canonical = canonical_username(username)
            return found(await tx.users.by_username(canonical) if canonical else None)

    async def create(self, actor: Actor, origin: Origin, new: NewUser) -> User:
        """A new user. Its address is verified where the actor may set passwords.

        Raises `ValidationFailed`, `InsufficientScope` or `InsufficientRole` (a role or a password
        needs a scope of its own), `InsufficientRank`, `WeakPassword`, `Conflict`.
        """
        username, email = checked_username(new.username), checked_email(new.email)
        self._judge_creation(actor, new)
        password_hash = None
        if new.password is not None:
            password_hash = await self._passwords.accept(
                new.password, username=username, email=email
            )
        async with self._changes.begin(actor, origin) as work:
            self._judge_creation(work.actor, new)
            user = User(
                id=new_id(),
                username=username,
                email=email,
                email_verified=email is not None and _vouches(work.actor),
                role=new.role,
                status=new.status,
                password_change_required=False,
                created_at=work.now,
                updated_at=work.now,
            )
            await work.tx.users.add(user)
            if password_hash is not None:
                await self._passwords.put(work, user, password_hash, keep=None)
            await work.record("user.create", f"user:{user.id}", {"role": user.role.value})
        return user

    async def edit(self, actor: Actor, origin: Origin, user_id: str, edit: UserEdit) -> User:
        """Change the fields given; an edit that changes nothing is no change at all.

        Another user's new address is verified where the actor may set passwords, and takes sign-ins
        elsewhere away that the former one has linked; another user's new password takes all of
        them. Raises as `create` does, and `NotFound`, `SelfForbidden`, `LastSuperAdmin`, and
        `InsufficientUserAuthentication` where one's own e-mail changes in an old session.
        """
        self._judge_scopes(actor, user_id, edit)
        edit = _canonical(edit)
        before = await self.get(user_id)
        self._judge_edit(actor, before, edit)
        password_hash = None
        if edit.password is not UNSET:
            after = _edited(before, edit)
            password_hash = await self._passwords.accept(
                edit.password, username=after.username, email=after.email
            )
        async with self._changes.begin(actor, origin, of=user_id) as work:
            self._judge_scopes(work.actor, user_id, edit)
            before = found(await work.tx.users.get(user_id))
            self._judge_edit(work.actor, before, edit)
            return await self._apply(work, before, edit, password_hash)

    async def delete(self, actor: Actor, origin: Origin, user_id: str) -> None:
        """Remove a user with all that hangs on it; the id is never used again.

        Environments that it alone owned pass to the acting admin. Raises `InsufficientScope` or
        `InsufficientRole`, `NotFound`, `SelfForbidden`, `InsufficientRank`, `LastSuperAdmin`.
        """
        async with self._changes.begin(actor, origin, of=user_id) as work:
            require_scope(work.actor, USERS_WRITE, self._scopes)
            await remove(work, await other(work, user_id))

    async def switch(self, actor: Actor, origin: Origin, user_id: str, to: Status) -> User:
        """Give another user that status; one that it has already is no change.

        Raises as `delete` does.
        """
        async with self._changes.begin(actor, origin, of=user_id) as work:
            require_scope(work.actor, USERS_WRITE, self._scopes)
            return await self._switch(work, user_id, to)

    async def switch_each(
        self, actor: Actor, origin: Origin, user_ids: Sequence[str], to: Status
    ) -> Sequence[Switched]:
        """`switch` for each of several distinct users, in one transaction, each judged alone.

        Raises `InsufficientScope` or `InsufficientRole`.
        """
        async with self._changes.begin(actor, origin, of=user_ids) as work:
            require_scope(work.actor, USERS_WRITE, self._scopes)
            return [await self._judged_switch(work, each, to) for each in user_ids]

    async def _judged_switch(self, work: Work, user_id: str, to: Status) -> Switched:
        try:
            await self._switch(work, user_id, to)
        except (NotFound, SelfForbidden, InsufficientRank, LastSuperAdmin) as refusal:
            return Switched(user_id, refusal)  # all of them raised before anything is written
        return Switched(user_id)

    async def _switch(self, work: Work, user_id: str, to: Status) -> User:
        user = await other(work, user_id)
        return await self._apply(work, user, UserEdit(status=to), None)

    async def _apply(
        self, work: Work, before: User, edit: UserEdit, password_hash: str | None
    ) -> User:
        after = _edited(before, edit)
        by_self = is_self(work.actor, before)
        if after.email != before.email:
            _require_fresh_sign_in(work, by_self=by_self)
            verified = after.email is not None and not by_self and _vouches(work.actor)
            after = msgspec.structs.replace(after, email_verified=verified)
        if password_hash is not None:
            after = msgspec.structs.replace(after, password_change_required=False)
        if after == before and password_hash is None:
            return before
        written = await write(work, before, after)
        if password_hash is not None:
            # Last, so that no promotion takes away what comes with it.
            await self._passwords.put(work, before, password_hash, keep=None)
            await unlink_each(work, before.id, *LinkedBy)
            await work.record("user.password_set", f"user:{before.id}")
        elif after.email != before.email and not by_self:
            await _unlink_former_address(work, before)
        return written

    def _judge_creation(self, actor: Actor, new: NewUser) -> None:
        require_scope(actor, USERS_WRITE, self._scopes)
        if new.role is not Role.USER:
            require_scope(actor, ROLES_WRITE, self._scopes)
        if new.password is not None:
            require_scope(actor, USERS_CREDENTIALS, self._scopes)
        require_rank(actor, new.role)

    def _judge_scopes(self, actor: Actor, user_id: str, edit: UserEdit) -> None:
        """What the body asks for, before anything is looked up."""
        if isinstance(actor, Operator):
            return
        if actor.user_id == user_id:
            require_scope(actor, SELF_WRITE, self._scopes)
            return
        require_scope(actor, USERS_WRITE, self._scopes)
        if edit.role is not UNSET:
            require_scope(actor, ROLES_WRITE, self._scopes)
        if edit.password is not UNSET:
            require_scope(actor, USERS_CREDENTIALS, self._scopes)

    def _judge_edit(self, actor: Actor, user: User, edit: UserEdit) -> None:
        if is_self(actor, user):
            _judge_self(user, edit)
            return
        require_rank(actor, user.role)
        if edit.role is not UNSET:
            require_rank(actor, edit.role)


def _judge_self(user: User, edit: UserEdit) -> None:
    """Of oneself one changes the e-mail alone."""
    if edit.password is not UNSET:
        raise SelfForbidden("Change your own password with POST /api/v1/auth/change-password.")
    after = _edited(user, edit)
    if (after.username, after.role, after.status) != (user.username, user.role, user.status):
        if user.role.reaches(Role.ADMIN):
            raise SelfForbidden
        raise InsufficientRole


def _vouches(actor: Actor) -> bool:
    """Whether an address that it sets is verified by that.

    Such an address may open the account, as a password does: it takes the same scope to set one.
    """
    return isinstance(actor, Operator) or USERS_CREDENTIALS in actor.scopes


def _require_fresh_sign_in(work: Work, *, by_self: bool) -> None:
    """One's own e-mail wants a sign-in that is not long ago. A key has none: its scope decides."""
    if by_self and isinstance(work.actor, Principal) and work.actor.credential.kind != "api_key":
        require_fresh(work.actor, work.now)


async def _unlink_former_address(work: Work, user: User) -> None:
    """It was another one's, may be: what it has opened goes, with the sessions of that."""
    if await unlink_each(work, user.id, LinkedBy.EMAIL):
        await work.tx.sessions.end_all(user.id, work.now)


def _edited(user: User, edit: UserEdit) -> User:
    given = {
        name: value
        for name in ("username", "email", "role", "status")
        if (value := getattr(edit, name)) is not UNSET
    }
    return msgspec.structs.replace(user, **given)


def _canonical(edit: UserEdit) -> UserEdit:
    if edit.username is not UNSET:
        checked_username(edit.username)
    if edit.email is not UNSET:
        edit = msgspec.structs.replace(edit, email=checked_email(edit.email))
    return edit
