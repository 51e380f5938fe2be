"""Environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from agentbox.model.access.roles import Permission, Role
from agentbox.model.environments import (
    Environment,
    EnvironmentFilter,
    EnvironmentStatus,
    SeenEnvironment,
    Standing,
)
from agentbox.plugin.sql.conditions import Conditions
from agentbox.plugin.sql.driver import (
    Connection,
    Row,
    Value,
    from_json,
    optional_instant,
    to_json,
)
from agentbox.plugin.sql.walks import walk_of
from agentbox.plugin.storage import EnvironmentStore, Page

COLUMNS = (
    "environments.id, environments.organization_id, environments.user_id, environments.name,"
    " environments.status, environments.image, environments.resources, environments.labels,"
    " environments.orchestration, environments.created_at, environments.started_at,"
    " environments.terminated_at"
)
INSERT = (
    "INSERT INTO environments (id, organization_id, user_id, name, status, image, resources,"
    " labels, orchestration, created_at, started_at, terminated_at, name_key)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
UPDATE = (
    "UPDATE environments SET organization_id = $2, user_id = $3, name = $4, status = $5,"
    " image = $6, resources = $7, labels = $8, orchestration = $9, started_at = $10,"
    " terminated_at = $11, name_key = $12 WHERE id = $1 RETURNING created_at"
)
DELETE = "DELETE FROM environments WHERE id = $1 RETURNING id"
MOVE = (
    "UPDATE environments SET user_id = (SELECT grants.user_id FROM grants CROSS JOIN users"
    " WHERE grants.environment_id = environments.id AND grants.permission = 'owner'"
    " AND grants.user_id <> $1 AND users.id = grants.user_id AND users.role <> 'viewer'"
    " ORDER BY grants.granted_at, grants.id LIMIT 1)"
    " WHERE environments.user_id = $1 RETURNING id, user_id"
)

# Labels and grants hold again what lists filter by, so that a list of those with a label, or of
# those that a user was granted, is walked along one index.
INSERT_LABEL = (
    "INSERT INTO environment_labels (environment_id, label, value, created_at, name_key, status,"
    " user_id) VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
DELETE_LABELS = "DELETE FROM environment_labels WHERE environment_id = $1"
MOVE_LABELS = "UPDATE environment_labels SET user_id = $2 WHERE environment_id = $1"
UPDATE_GRANTS = (
    "UPDATE grants SET environment_name_key = $2, environment_status = $3,"
    " environment_user_id = $4 WHERE environment_id = $1 AND (environment_name_key <> $2"
    " OR environment_status <> $3 OR environment_user_id <> $4)"
)
MOVE_GRANTS = "UPDATE grants SET environment_user_id = $2 WHERE environment_id = $1"

SEEN = (
    f"SELECT {COLUMNS}, grants.permission FROM environments LEFT JOIN grants"
    " ON grants.user_id = $1 AND grants.environment_id = environments.id"
)
SELECT = f"{SEEN} WHERE environments.id = $2"
GRANTED = (
    "SELECT environments.id, grants.permission FROM environments LEFT JOIN grants"
    " ON grants.user_id = $1 AND grants.environment_id = environments.id"
)
STANDINGS = (
    "SELECT environments.id, grants.permission, environments.user_id, users.role"
    " FROM environments CROSS JOIN users LEFT JOIN grants"
    " ON grants.user_id = $1 AND grants.environment_id = environments.id"
)
IS_USER = "users.id = environments.user_id"
HAS_ID = "environments.id IN ({in})"


class SqlEnvironmentStore(EnvironmentStore):
    """Environments; deleting one takes its grants along by the schema's ON DELETE CASCADE."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, environment: Environment) -> None:
        values = _values(environment)
        await self._db.fetch(
            INSERT,
            *values[:9],
            environment.created_at,
            *values[9:],
        )
        await self._label(environment, environment.created_at)

    async def get(self, environment_id: str, viewer: str) -> SeenEnvironment | None:
        rows = await self._db.fetch(SELECT, viewer, environment_id)
        return self._seen(rows[0]) if rows else None

    async def granted(
        self, environment_ids: Sequence[str], viewer: str
    ) -> Mapping[str, Permission | None]:
        conditions = Conditions()
        conditions.bind(viewer)
        conditions.add_in(HAS_ID, tuple(environment_ids))
        rows = await self._db.fetch(GRANTED + conditions.where(), *conditions.values)
        return {row[0]: _permission(row[1]) for row in rows}

    async def standings(
        self, environment_ids: Sequence[str], viewer: str
    ) -> Mapping[str, Standing]:
        conditions = Conditions()
        conditions.bind(viewer)
        conditions.add_plain(IS_USER)
        conditions.add_in(HAS_ID, tuple(environment_ids))
        rows = await self._db.fetch(STANDINGS + conditions.where(), *conditions.values)
        return {row[0]: Standing(_permission(row[1]), row[2], Role(row[3])) for row in rows}

    async def replace(self, environment: Environment) -> bool:
        rows = await self._db.fetch(UPDATE, *_values(environment))
        if not rows:
            return False
        await self._db.fetch(DELETE_LABELS, environment.id)
        await self._label(environment, self._db.instant(rows[0][0]))
        await self._db.fetch(UPDATE_GRANTS, environment.id, *_compared(environment))
        return True

    async def delete(self, environment_id: str) -> bool:
        return bool(await self._db.fetch(DELETE, environment_id))

    async def move_from(self, user_id: str) -> None:
        moved = [(id_, owner) for id_, owner in await self._db.fetch(MOVE, user_id)]
        if moved:
            await self._db.run_many(MOVE_LABELS, moved)
            await self._db.run_many(MOVE_GRANTS, moved)

    async def list(
        self, where: EnvironmentFilter, page: Page, viewer: str
    ) -> Sequence[SeenEnvironment]:
        conditions = Conditions()
        conditions.bind(viewer)
        walk = await walk_of(where, self._db)
        walk.narrow(where, conditions)
        newest = f"{walk.created_at} DESC, {walk.id} DESC"
        if page.after is not None:
            conditions.add_pair(f"({walk.created_at}, {walk.id}) < ({{0}}, {{1}})", page.after)
        cut = f"{conditions.where()} ORDER BY {newest}{conditions.page(page.limit, page.offset)}"
        sql = f"{SEEN} WHERE environments.id IN (SELECT {walk.id} FROM {walk.table}{cut})"
        rows = await self._db.fetch(sql, *conditions.values)
        return _newest_first(self._seen(row) for row in rows)

    async def count(self, where: EnvironmentFilter) -> int:
        conditions = Conditions()
        walk = await walk_of(where, self._db)
        walk.narrow(where, conditions)
        sql = f"SELECT count(*) FROM {walk.table}{conditions.where()}"
        rows = await self._db.fetch(sql, *conditions.values)
        return int(rows[0][0])

    async def _label(self, environment: Environment, created_at: datetime) -> None:
        rows = [
            (environment.id, label, value, created_at, *_compared(environment))
            for label, value in environment.labels.items()
        ]
        if rows:
            await self._db.run_many(INSERT_LABEL, rows)

    def _seen(self, row: Row) -> SeenEnvironment:
        environment = Environment(
            id=row[0],
            organization_id=row[1],
            user_id=row[2],
            name=row[3],
            status=EnvironmentStatus(row[4]),
            image=row[5],
            resources=from_json(row[6], dict[str, str]),
            labels=from_json(row[7], dict[str, str]),
            orchestration=from_json(row[8], dict[str, Any]),
            created_at=self._db.instant(row[9]),
            started_at=optional_instant(self._db, row[10]),
            terminated_at=optional_instant(self._db, row[11]),
        )
        return SeenEnvironment(environment, _permission(row[12]))


def _values(environment: Environment) -> tuple[Value, ...]:
    return (
        environment.id,
        environment.organization_id,
        environment.user_id,
        environment.name,
        environment.status,
        environment.image,
        to_json(environment.resources),
        to_json(environment.labels),
        to_json(environment.orchestration),
        environment.started_at,
        environment.terminated_at,
        environment.name.casefold(),
    )


def _compared(environment: Environment) -> tuple[Value, ...]:
    return (environment.name.casefold(), environment.status, environment.user_id)


def _permission(value: Any) -> Permission | None:
    return None if value is None else Permission(value)


def _newest_first(seen: Iterable[SeenEnvironment]) -> Sequence[SeenEnvironment]:
    """The rows of a page, which come in no order."""
    return sorted(seen, key=lambda row: (row[0].created_at, row[0].id), reverse=True)
