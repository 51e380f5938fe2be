"""Environments: who sees, makes, changes and deletes them, one transaction each."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from agentbox.core.changes import Changes, Work
from agentbox.core.environments.fields import (
    EnvironmentEdit,
    NewEnvironment,
    change_of,
    check_edit,
    check_new,
    edited,
    in_status,
)
from agentbox.core.environments.quota import require_room
from agentbox.core.environments.staleness import Staleness
from agentbox.core.environments.standing import owner_role
from agentbox.core.paging import Asked, Found, Pages
from agentbox.errors import (
    Conflict,
    InsufficientPermission,
    InsufficientRole,
    InvalidToken,
    NotFound,
)
from agentbox.model.access.decisions import require_rank, require_scope
from agentbox.model.access.permissions import (
    NO_ENVIRONMENT,
    permission_of,
    require_grantable,
    require_permission,
    sees_all,
)
from agentbox.model.access.roles import Permission, Role
from agentbox.model.access.scopes import ENVIRONMENTS_CREATE, ENVIRONMENTS_WRITE, ScopeTable
from agentbox.model.api_keys import MOST_ENTRIES, KeyPermission
from agentbox.model.environments import (
    Environment,
    EnvironmentFilter,
    Grant,
    SeenEnvironment,
)
from agentbox.model.evidence import EnvironmentLimit
from agentbox.model.ids import new_id
from agentbox.model.principal import Actor, Operator, Origin, Principal
from agentbox.model.users import User
from agentbox.plugin.storage import Change, Storage


class View(NamedTuple):
    """An environment, what the caller may do with it, and whether it has fallen silent."""

    environment: Environment
    permission: Permission
    stale: bool = False


class Environments:
    """The use cases around environments."""

    def __init__(
        self,
        *,
        storage: Storage,
        changes: Changes,
        scopes: ScopeTable,
        pages: Pages,
        quota: int,
        staleness: Staleness,
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._scopes = scopes
        self._pages = pages
        self._quota = quota
        self._staleness = staleness

    async def list(self, actor: Actor, where: EnvironmentFilter, asked: Asked) -> Found[View]:
        """Those that the actor may see, newest first.

        `where.granted_to` narrows the list to those that this user was granted; for a user who is
        not there, `NotFound`. Raises `InvalidCursor`, `ValidationFailed`.
        """
        other = where.granted_to
        page = self._pages.page(asked, where)
        seen = visible(actor, where)
        viewer = user_id_of(actor)
        async with self._storage.transaction(read_only=True) as tx:
            if other not in (None, viewer) and await tx.users.get(other or "") is None:
                raise NotFound("There is no such user.")
            rows = await tx.environments.list(seen, page, viewer)
            total = await tx.environments.count(seen)
            stale = await self._staleness.among(tx, [row.environment for row in rows])
        found = self._pages.found(
            asked, where, rows, total, lambda row: (row[0].created_at, row[0].id)
        )
        views = [view_of(actor, row, stale) for row in found.rows]
        return Found(views, total, found.next_cursor)

    async def get(self, actor: Actor, environment_id: str) -> View:
        """One that the actor may see. Raises `NotFound`."""
        async with self._storage.transaction(read_only=True) as tx:
            view = view_of(actor, await tx.environments.get(environment_id, user_id_of(actor)))
            stale = await self._staleness.among(tx, [view.environment])
        return view._replace(stale=bool(stale))

    async def require(self, actor: Actor, environment_id: str, needed: Permission) -> None:
        """Raises `NotFound` or `InsufficientPermission` unless the actor may do that much."""
        async with self._storage.transaction(read_only=True) as tx:
            granted = await tx.environments.granted((environment_id,), user_id_of(actor))
        if environment_id not in granted:
            raise NotFound(NO_ENVIRONMENT)
        require_permission(actor, environment_id, granted[environment_id], needed)

    async def create(self, actor: Actor, origin: Origin, new: NewEnvironment) -> View:
        """Register one; its user becomes its owner, and a key limited to others gets an entry.

        Raises `ValidationFailed`, `InsufficientRole`, `InsufficientRank`, `NotFound`,
        `PermissionExceedsRole`, and `Conflict` beyond the quota or what a key has entries for.
        """
        check_new(new)
        own = new.user_id is None or new.user_id == user_id_of(actor)
        self._judge_creation(actor, own=own)
        async with self._changes.begin(actor, origin) as work:
            self._judge_creation(work.actor, own=own)
            user = await self._user_of_new(work, new.user_id)
            environment = in_status(
                Environment(
                    id=new_id(),
                    user_id=user.id,
                    name=new.name,
                    status=new.status,
                    created_at=work.now,
                    image=new.image,
                    resources=new.resources,
                    labels=new.labels,
                    orchestration=new.orchestration,
                ),
                work.now,
            )
            await work.tx.environments.add(environment)
            await work.tx.grants.add(
                Grant(
                    id=new_id(),
                    user_id=user.id,
                    environment_id=environment.id,
                    permission=Permission.OWNER,
                    granted_at=work.now,
                    granted_by=user_id_of(work.actor) or None,
                )
            )
            maker = await _with_entry(work, environment)
            target = f"environment:{environment.id}"
            await work.record("environment.create", target, {"user_id": user.id})
        # Whoever made it for another sees it by role, or could not have named that user.
        return view_of(maker, SeenEnvironment(environment, Permission.OWNER if own else None))

    async def edit(
        self, actor: Actor, origin: Origin, environment_id: str, edit: EnvironmentEdit
    ) -> View:
        """Change the fields given; what changes nothing is no change.

        Labels and status need editor, all else owner, or an admin who outranks its user. Raises
        `ValidationFailed`, `NotFound`, `InsufficientPermission`.
        """
        check_edit(edit)
        needed = Permission.OWNER if edit.of_owners else Permission.EDITOR
        async with self._changes.begin(actor, origin) as work:
            before, granted = await self._writable(work, environment_id, needed)
            after = edited(before, edit, work.now)
            if after != before:
                await work.tx.environments.replace(after)
                await work.record(
                    "environment.update", f"environment:{environment_id}", change_of(before, after)
                )
            stale = await self._staleness.among(work.tx, [after])
        return view_of(work.actor, SeenEnvironment(after, granted), stale)

    async def delete(self, actor: Actor, origin: Origin, environment_id: str) -> None:
        """Remove it with all permissions on it. Raises `NotFound`, `InsufficientPermission`."""
        async with self._changes.begin(actor, origin) as work:
            before, _ = await self._writable(work, environment_id, Permission.OWNER)
            await work.tx.environments.delete(environment_id)
            await work.record(
                "environment.delete", f"environment:{environment_id}", {"name": before.name}
            )

    async def _writable(
        self, work: Work, environment_id: str, needed: Permission
    ) -> SeenEnvironment:
        require_scope(work.actor, ENVIRONMENTS_WRITE, self._scopes)
        seen = await work.tx.environments.get(environment_id, user_id_of(work.actor))
        if seen is None:
            raise NotFound(NO_ENVIRONMENT)
        role = await owner_role(work.tx, work.actor, seen.environment)
        require_permission(work.actor, environment_id, seen.granted, needed, owner_role=role)
        return seen

    def _judge_creation(self, actor: Actor, *, own: bool) -> None:
        require_scope(actor, ENVIRONMENTS_CREATE, self._scopes)
        if isinstance(actor, Operator):
            return
        if not own and not actor.role.reaches(Role.ADMIN):
            raise InsufficientRole
        if limited_to(actor) is not None and actor.credential.kind != "api_key":
            # Only a key has entries of its own, where the new environment could be added.
            raise InsufficientPermission(Permission.OWNER.value)

    async def _user_of_new(self, work: Work, user_id: str | None) -> User:
        """Whose it will be, if that user may have one more."""
        actor = work.actor
        user = await work.tx.users.get(user_id_of(actor) if user_id is None else user_id)
        if user is None:
            raise NotFound("There is no such user.")
        if user.id != user_id_of(actor):
            require_rank(actor, user.role)
        require_grantable(user.role, Permission.OWNER)
        await require_room(work, user, self._quota)
        return user


def user_id_of(actor: Actor) -> str:
    """The user that grants are looked up for; no id is empty, so the operator has none."""
    return actor.user_id if isinstance(actor, Principal) else ""


def view_of(actor: Actor, seen: SeenEnvironment | None, stale: Collection[str] = ()) -> View:
    """The environment with the actor's own permission. Raises `NotFound` where it has none."""
    if seen is not None:
        permission = permission_of(actor, seen.environment.id, seen.granted)
        if permission is not None:
            return View(seen.environment, permission, seen.environment.id in stale)
    raise NotFound(NO_ENVIRONMENT)


def limited_to(actor: Actor) -> tuple[str, ...] | None:
    """The only environments that the actor's credential may see; None does not limit."""
    limit = actor.environment_limit if isinstance(actor, Principal) else None
    if isinstance(limit, EnvironmentLimit) and limit.all_environments is None:
        return tuple(sorted(limit.entries))
    return None


def visible(actor: Actor, where: EnvironmentFilter) -> EnvironmentFilter:
    """The filter, and on top of it what the actor may see."""
    granted_to = where.granted_to
    if granted_to is None and not sees_all(actor):
        granted_to = user_id_of(actor)
    return msgspec.structs.replace(where, granted_to=granted_to, only=limited_to(actor))


async def _with_entry(work: Work, environment: Environment) -> Actor:
    """The actor; its key, if it is limited to single environments, gets one more entry."""
    actor = work.actor
    if limited_to(actor) is None or not isinstance(actor, Principal):
        return actor
    key = await work.tx.api_keys.get(actor.credential.id)
    if key is None:
        raise InvalidToken
    entry = KeyPermission(
        id=new_id(),
        environment_id=environment.id,
        permission=Permission.OWNER,
        created_at=work.now,
    )
    entries = await _with_room(work, key.permissions)
    key = msgspec.structs.replace(key, permissions=(*entries, entry))
    await work.tx.api_keys.replace(key)
    work.changed(Change("api_key", key.id))
    return msgspec.structs.replace(actor, environment_limit=key.environment_limit)


async def _with_room(work: Work, entries: tuple[KeyPermission, ...]) -> tuple[KeyPermission, ...]:
    """The entries of a key that gets one more; a full list loses those of environments gone.

    A key that registers and deletes by the hour would have a record that only grows, and is read
    with every request.
    """
    if len(entries) < MOST_ENTRIES:
        return entries
    there = await work.tx.environments.granted([each.environment_id for each in entries], "")
    entries = tuple(each for each in entries if each.environment_id in there)
    if len(entries) >= MOST_ENTRIES:
        raise Conflict(f"An API key has entries for at most {MOST_ENTRIES} environments.")
    return entries
