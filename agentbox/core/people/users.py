"""Users: who may see, make and change them, and the doing of it in one transaction each."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType

from agentbox.core.changes import Changes, Work
from agentbox.core.paging import Asked, Found, Pages
from agentbox.core.people.passwords import Passwords
from agentbox.errors import (
    FieldFault,
    InsufficientRole,
    LastSuperAdmin,
    NotFound,
    SelfForbidden,
    ValidationFailed,
)
from agentbox.model.access.decisions import require_rank, require_scope
from agentbox.model.access.roles import Role
from agentbox.model.access.scopes import (
    ROLES_WRITE,
    USERS_CREDENTIALS,
    USERS_WRITE,
    ScopeTable,
)
from agentbox.model.formats.names import canonical_email, canonical_username, is_username
from agentbox.model.ids import new_id
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.model.secret import Secret
from agentbox.model.users import Status, User, UserFilter
from agentbox.plugin.storage import Change, Storage


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
            return _found(await tx.users.get(user_id))

    async def by_name(self, username: str) -> User:
        """The user with this name, in any case. Raises `NotFound`."""
        async with self._storage.transaction(read_only=True) as tx:
            canonical = canonical_username(username)
            return _found(await tx.users.by_username(canonical) if canonical else None)

    async def create(self, actor: Actor, origin: Origin, new: NewUser) -> User:
        """A new user.

        Raises `ValidationFailed`, `InsufficientScope` or `InsufficientRole` (a role or a password
        needs a scope of its own), `InsufficientRank`, `WeakPassword`, `Conflict`.
        """
        username, email = _username(new.username), _email(new.email)
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
                email_verified=email is not None,
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

        Raises as `create` does, and `NotFound`, `SelfForbidden`, `LastSuperAdmin`.
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
            before = _found(await work.tx.users.get(user_id))
            self._judge_edit(work.actor, before, edit)
            return await self._apply(work, before, edit, password_hash)

    async def delete(self, actor: Actor, origin: Origin, user_id: str) -> None:
        """Remove a user with all that hangs on it; the id is never used again.

        Raises `NotFound`, `SelfForbidden`, `InsufficientRank`, `LastSuperAdmin`.
        """
        async with self._changes.begin(actor, origin, of=user_id) as work:
            require_scope(work.actor, USERS_WRITE, self._scopes)
            user = _found(await work.tx.users.get(user_id))
            if _is_self(work.actor, user):
                raise SelfForbidden
            require_rank(work.actor, user.role)
            await _keep_a_super_admin(work, user)
            await work.tx.users.delete(user_id)
            work.changed(Change("user", user_id))
            await work.record("user.delete", f"user:{user_id}", {"username": user.username})

    async def _apply(
        self, work: Work, before: User, edit: UserEdit, password_hash: str | None
    ) -> User:
        after = _edited(before, edit)
        by_self = _is_self(work.actor, before)
        if after.email != before.email:
            verified = after.email is not None and not by_self
            after = msgspec.structs.replace(after, email_verified=verified)
        if password_hash is not None:
            after = msgspec.structs.replace(after, password_change_required=False)
            await self._passwords.put(work, before, password_hash, keep=None)
            await work.record("user.password_set", f"user:{before.id}")
        if after == before and password_hash is None:
            return before
        if before.active and before.role is Role.SUPER_ADMIN and not _is_super_admin(after):
            await _keep_a_super_admin(work, before)
        after = msgspec.structs.replace(after, updated_at=work.now)
        await work.tx.users.replace(after)
        if before.active and not after.active:
            await work.tx.sessions.end_all(before.id, work.now)
        work.changed(Change("user", before.id))
        fields = _changed_fields(before, after)
        if fields:
            await work.record("user.update", f"user:{before.id}", fields)
        return after

    def _judge_creation(self, actor: Actor, new: NewUser) -> None:
        require_scope(actor, USERS_WRITE, self._scopes)
        if new.role is not Role.USER:
            require_scope(actor, ROLES_WRITE, self._scopes)
        if new.password is not None:
            require_scope(actor, USERS_CREDENTIALS, self._scopes)
        require_rank(actor, new.role)

    def _judge_scopes(self, actor: Actor, user_id: str, edit: UserEdit) -> None:
        """What the body asks for, before anything is looked up."""
        if isinstance(actor, Operator) or actor.user_id == user_id:
            return
        require_scope(actor, USERS_WRITE, self._scopes)
        if edit.role is not UNSET:
            require_scope(actor, ROLES_WRITE, self._scopes)
        if edit.password is not UNSET:
            require_scope(actor, USERS_CREDENTIALS, self._scopes)

    def _judge_edit(self, actor: Actor, user: User, edit: UserEdit) -> None:
        if _is_self(actor, user):
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


def _is_self(actor: Actor, user: User) -> bool:
    return isinstance(actor, Principal) and actor.user_id == user.id


def _is_super_admin(user: User) -> bool:
    return user.role is Role.SUPER_ADMIN and user.active


async def _keep_a_super_admin(work: Work, user: User) -> None:
    """Under the lock `rights`, so that two can't go at once."""
    if not _is_super_admin(user):
        return
    others = UserFilter(role=Role.SUPER_ADMIN, status=Status.ACTIVE)
    if await work.tx.users.count(others) <= 1:
        raise LastSuperAdmin


def _edited(user: User, edit: UserEdit) -> User:
    given = {
        name: value
        for name in ("username", "email", "role", "status")
        if (value := getattr(edit, name)) is not UNSET
    }
    return msgspec.structs.replace(user, **given)


def _changed_fields(before: User, after: User) -> dict[str, str | int | bool | None]:
    """The audit says what a role and a status became, and of the rest only that they changed."""
    fields: dict[str, str | int | bool | None] = {}
    for name in ("username", "email"):
        if getattr(before, name) != getattr(after, name):
            fields[name] = "changed"
    if before.role is not after.role:
        fields |= {"role": after.role.value, "role_before": before.role.value}
    if before.status is not after.status:
        fields |= {"status": after.status.value, "status_before": before.status.value}
    return fields


def _canonical(edit: UserEdit) -> UserEdit:
    if edit.username is not UNSET:
        _username(edit.username)
    if edit.email is not UNSET:
        edit = msgspec.structs.replace(edit, email=_email(edit.email))
    return edit


def _username(text: str) -> str:
    if not is_username(text):
        raise ValidationFailed(
            errors=[
                FieldFault(
                    "/username",
                    "must be 1 to 64 ASCII letters, digits, dots, underscores or hyphens, "
                    "and begin with a letter or digit",
                )
            ]
        )
    return text


def _email(text: str | None) -> str | None:
    if text is None:
        return None
    canonical = canonical_email(text)
    if canonical is None:
        raise ValidationFailed(errors=[FieldFault("/email", "is not an e-mail address")])
    return canonical


def _found(user: User | None) -> User:
    if user is None:
        raise NotFound("There is no such user.")
    return user
