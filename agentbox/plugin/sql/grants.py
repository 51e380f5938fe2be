"""Grants: who may do what on which environment."""

from __future__ import annotations

from collections.abc import Sequence

from agentbox.errors import StorageError
from agentbox.model.access.roles import Permission
from agentbox.model.environments import Grant, GrantFilter
from agentbox.plugin.sql.conditions import Conditions
from agentbox.plugin.sql.driver import Connection, Row
from agentbox.plugin.storage import GrantStore, Page

COLUMNS = "id, user_id, environment_id, permission, granted_by, granted_at"
INSERT = (
    f"INSERT INTO grants ({COLUMNS}, environment_created_at, environment_name_key,"
    " environment_status, environment_user_id)"
    " SELECT $1, $2, environments.id, $4, $5, $6, environments.created_at, environments.name_key,"
    " environments.status, environments.user_id"
    " FROM environments WHERE environments.id = $3 RETURNING id"
)
SELECT = f"SELECT {COLUMNS} FROM grants WHERE user_id = $1 AND environment_id = $2"
UPDATE = (
    "UPDATE grants SET permission = $2, granted_by = $3, granted_at = $4 WHERE id = $1 RETURNING id"
)
DELETE = "DELETE FROM grants WHERE user_id = $1 AND environment_id = $2 RETURNING id"
SELECT_OWNERS = (
    "SELECT user_id FROM grants WHERE environment_id = $1 AND permission = 'owner'"
    " ORDER BY granted_at, id"
)
SELECT_SOLE_OWNED = (
    "SELECT grants.environment_id FROM grants"
    " WHERE grants.user_id = $1 AND grants.permission = 'owner' AND NOT EXISTS"
    " (SELECT 1 FROM grants AS others CROSS JOIN users"
    " WHERE others.environment_id = grants.environment_id AND others.permission = 'owner'"
    " AND others.user_id <> $1 AND users.id = others.user_id AND users.role <> 'viewer')"
)

LIST = f"SELECT {COLUMNS} FROM grants"
COUNT = "SELECT count(*) FROM grants"
LIST_ORDER = " ORDER BY granted_at DESC, id DESC"
COMES_AFTER = "(granted_at, id) < ({0}, {1})"
OF_USER = "user_id = {}"
ON_THOSE = "environment_id IN ({in})"
ON_ENVIRONMENT = "environment_id = {}"


class SqlGrantStore(GrantStore):
    """Grants."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, grant: Grant) -> None:
        rows = await self._db.fetch(
            INSERT,
            grant.id,
            grant.user_id,
            grant.environment_id,
            grant.permission,
            grant.granted_by,
            grant.granted_at,
        )
        if not rows:
            raise StorageError("there is no such environment to grant")

    async def get(self, user_id: str, environment_id: str) -> Grant | None:
        rows = await self._db.fetch(SELECT, user_id, environment_id)
        return self._grant(rows[0]) if rows else None

    async def replace(self, grant: Grant) -> bool:
        rows = await self._db.fetch(
            UPDATE, grant.id, grant.permission, grant.granted_by, grant.granted_at
        )
        return bool(rows)

    async def delete(self, user_id: str, environment_id: str) -> bool:
        return bool(await self._db.fetch(DELETE, user_id, environment_id))

    async def owners(self, environment_id: str) -> Sequence[str]:
        return [row[0] for row in await self._db.fetch(SELECT_OWNERS, environment_id)]

    async def sole_owned(self, user_id: str) -> Sequence[str]:
        return [row[0] for row in await self._db.fetch(SELECT_SOLE_OWNED, user_id)]

    async def list(self, where: GrantFilter, page: Page) -> Sequence[Grant]:
        conditions = _conditions(where)
        if page.after is not None:
            conditions.add_pair(COMES_AFTER, page.after)
        sql = LIST + conditions.where() + LIST_ORDER + conditions.page(page.limit, page.offset)
        return [self._grant(row) for row in await self._db.fetch(sql, *conditions.values)]

    async def count(self, where: GrantFilter) -> int:
        conditions = _conditions(where)
        rows = await self._db.fetch(COUNT + conditions.where(), *conditions.values)
        return int(rows[0][0])

    def _grant(self, row: Row) -> Grant:
        return Grant(
            id=row[0],
            user_id=row[1],
            environment_id=row[2],
            permission=Permission(row[3]),
            granted_by=row[4],
            granted_at=self._db.instant(row[5]),
        )


def _conditions(where: GrantFilter) -> Conditions:
    conditions = Conditions()
    if where.user_id is not None:
        conditions.add(OF_USER, where.user_id)
    if where.environment_id is not None:
        conditions.add(ON_ENVIRONMENT, where.environment_id)
    if where.only is not None:
        conditions.add_in(ON_THOSE, where.only)
    return conditions
