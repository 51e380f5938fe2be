"""Permissions on environments, from both sides: those on one, and those of a user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from agentbox.core.changes import Changes, Work
from agentbox.core.environments.environments import limited_to, user_id_of
from agentbox.core.environments.grants import add_grant, change_grant, take_grant
from agentbox.core.environments.standing import owner_role
from agentbox.core.paging import Asked, Found, Pages
from agentbox.errors import InsufficientPermission, InsufficientRole, NotFound
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.permissions import (
    NO_ENVIRONMENT,
    may_administer,
    permission_of,
    require_grantable,
    require_permission,
    sees_all,
)
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ENVIRONMENTS_SHARE, ScopeTable
from agentbox.model.environments import Environment, Grant, GrantFilter, Standing
from agentbox.model.formats.names import canonical_username
from agentbox.model.principal import Actor, Origin
from agentbox.model.users import User
from agentbox.plugin.storage import Page, Storage, Transaction


class UserRef(Struct, frozen=True):
    """A user by id, or by a name in any case."""

    id: str | None = None
    username: str | None = None


class Permissions:
    """Gives, changes, takes and lists permissions."""

    def __init__(
        self, *, storage: Storage, changes: Changes, scopes: ScopeTable, pages: Pages, quota: int
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._scopes = scopes
        self._pages = pages
        self._quota = quota

    async def on_environment(self, actor: Actor, environment_id: str, asked: Asked) -> Found[Grant]:
        """Those on one environment, newest first; for those who may give them.

        Raises `NotFound`, `InsufficientPermission`, `InvalidCursor`, `ValidationFailed`.
        """
        where = GrantFilter(environment_id=environment_id)
        page = self._pages.page(asked, where)
        async with self._storage.transaction(read_only=True) as tx:
            await _administered(tx, actor, environment_id)
            rows, total = await tx.grants.list(where, page), await tx.grants.count(where)
        return self._pages.found(asked, where, rows, total, lambda g: (g.granted_at, g.id))

    async def of_user(self, actor: Actor, user_id: str, asked: Asked) -> Found[Grant]:
        """Those of one user, newest first, as far as the actor's credential reaches.

        Raises `NotFound`, `InvalidCursor`, `ValidationFailed`.
        """
        where = GrantFilter(user_id=user_id)
        page = self._pages.page(asked, where)
        where = msgspec.structs.replace(where, only=limited_to(actor))
        async with self._storage.transaction(read_only=True) as tx:
            if user_id != user_id_of(actor) and await tx.users.get(user_id) is None:
                raise NotFound(NO_USER)
            rows, total = await tx.grants.list(where, page), await tx.grants.count(where)
        where = msgspec.structs.replace(where, only=None)
        return self._pages.found(asked, where, rows, total, lambda g: (g.granted_at, g.id))

    async def one(self, actor: Actor, environment_id: str, user_id: str) -> Grant | None:
        """A user's permission on an environment, if it has one. Raises as `on_environment` does."""
        async with self._storage.transaction(read_only=True) as tx:
            await _administered(tx, actor, environment_id)
            return await tx.grants.get(user_id, environment_id)

    async def give(
        self,
        actor: Actor,
        origin: Origin,
        environment_id: str,
        to: UserRef,
        permission: Permission,
    ) -> Grant:
        """A new permission.

        Raises `NotFound`, `InsufficientPermission`, `PermissionExceedsRole`, and `Conflict` if the
        user has one there already.
        """
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, ENVIRONMENTS_SHARE, self._scopes)
            await _administered(work.tx, work.actor, environment_id)
            user = await _named(work.tx, to)
            require_grantable(user.role, permission)
            return await add_grant(work, user.id, environment_id, permission)

    async def change(
        self,
        actor: Actor,
        origin: Origin,
        environment_id: str,
        user_id: str,
        permission: Permission,
    ) -> Grant:
        """Another permission in place of the one there.

        Raises as `give` does, and `LastOwner`; `Conflict` also where the environment would pass to
        a user who has as many as the quota allows.
        """
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, ENVIRONMENTS_SHARE, self._scopes)
            environment = await _administered(work.tx, work.actor, environment_id)
            grant = await work.tx.grants.get(user_id, environment_id)
            user = await work.tx.users.get(user_id)
            if grant is None or user is None:
                raise NotFound(NO_PERMISSION)
            return await change_grant(
                work,
                grant,
                permission,
                role=user.role,
                of=environment.user_id,
                quota=self._quota,
            )

    async def replace_of_user(
        self, actor: Actor, origin: Origin, user_id: str, wanted: Mapping[str, Permission]
    ) -> None:
        """Make `wanted` (by environment) the permissions of a user, as far as the actor may.

        What it sees but may not administer stays as it is, and may be named as it is. Raises
        `InsufficientRole`, `NotFound`, `InsufficientPermission`, `PermissionExceedsRole`,
        `LastOwner`, and `Conflict` as `change` does; then nothing is changed.
        """
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, ENVIRONMENTS_SHARE, self._scopes)
            actor = work.actor
            if user_id != user_id_of(actor) and not sees_all(actor):
                raise InsufficientRole  # no longer an admin, who alone asks for another user
            user = await _named(work.tx, UserRef(user_id))
            there = await _all_of(work.tx, user_id)
            standings = await _standings(work.tx, {*there, *wanted}, user_id_of(actor))
            for environment_id, permission in wanted.items():
                grant, standing = there.get(environment_id), standings.get(environment_id)
                if standing is None or not permission_of(actor, environment_id, standing.granted):
                    raise NotFound(NO_ENVIRONMENT)
                if grant is not None and grant.permission is permission:
                    continue
                require_permission(
                    actor,
                    environment_id,
                    standing.granted,
                    Permission.OWNER,
                    owner_role=standing.role,
                )
                if grant is None:
                    require_grantable(user.role, permission)
                    await add_grant(work, user_id, environment_id, permission)
                else:
                    await change_grant(
                        work,
                        grant,
                        permission,
                        role=user.role,
                        of=standing.user_id,
                        quota=self._quota,
                    )
            for environment_id in sorted(there.keys() - wanted.keys()):
                standing = standings[environment_id]
                if may_administer(actor, environment_id, standing.granted, standing.role):
                    await take_grant(
                        work, there[environment_id], of=standing.user_id, quota=self._quota
                    )

    async def take(self, actor: Actor, origin: Origin, environment_id: str, user_id: str) -> None:
        """Take a permission away, or give up one's own. Raises as `change` does."""
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, ENVIRONMENTS_SHARE, self._scopes)
            own = user_id == user_id_of(work.actor)
            grant = await work.tx.grants.get(user_id, environment_id)
            if own and grant is not None:
                environment = await _given_up(work, grant)
            else:
                environment = await _administered(work.tx, work.actor, environment_id)
            if grant is None:
                raise NotFound(NO_PERMISSION)
            await take_grant(work, grant, of=environment.user_id, quota=self._quota)


CHUNK = 1000
"""Rows that one statement reads."""

NO_USER = "There is no such user."
NO_PERMISSION = "The user has no permission on this environment."


async def _administered(tx: Transaction, actor: Actor, environment_id: str) -> Environment:
    """The environment, if the actor may say who does what with it."""
    seen = await tx.environments.get(environment_id, user_id_of(actor))
    if seen is None:
        raise NotFound(NO_ENVIRONMENT)
    role = await owner_role(tx, actor, seen.environment)
    require_permission(actor, environment_id, seen.granted, Permission.OWNER, owner_role=role)
    return seen.environment


async def _given_up(work: Work, grant: Grant) -> Environment:
    """The environment that the actor gives up; a credential that reaches less can't."""
    seen = await work.tx.environments.get(grant.environment_id, grant.user_id)
    actor = work.actor
    has = permission_of(actor, grant.environment_id, grant.permission)
    if seen is None or has is None:
        raise NotFound(NO_ENVIRONMENT)
    if has.rank < grant.permission.rank:
        raise InsufficientPermission(grant.permission.value)
    return seen.environment


async def _named(tx: Transaction, to: UserRef) -> User:
    if to.id is not None:
        user = await tx.users.get(to.id)
    else:
        canonical = canonical_username(to.username or "")
        user = await tx.users.by_username(canonical) if canonical else None
    if user is None:
        raise NotFound(NO_USER)
    return user


async def _all_of(tx: Transaction, user_id: str) -> dict[str, Grant]:
    """All of a user's grants, by environment."""
    found: dict[str, Grant] = {}
    page = Page(CHUNK)
    while rows := await tx.grants.list(GrantFilter(user_id=user_id), page):
        found |= {grant.environment_id: grant for grant in rows}
        page = Page(CHUNK, after=(rows[-1].granted_at, rows[-1].id))
    return found


async def _standings(
    tx: Transaction, environment_ids: Iterable[str], viewer: str
) -> dict[str, Standing]:
    found: dict[str, Standing] = {}
    ids = sorted(environment_ids)
    for at in range(0, len(ids), CHUNK):
        found |= await tx.environments.standings(ids[at : at + CHUNK], viewer)
    return found
