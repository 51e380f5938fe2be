"""API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.access.roles import Permission
from agentbox.model.api_keys import (
    ApiKey,
    ApiKeyFilter,
    ApiKeyState,
    IssuedKey,
    KeyPermission,
)
from agentbox.plugin.sql.conditions import Conditions, filled, with_places
from agentbox.plugin.sql.driver import Connection, Row, from_json, optional_instant, to_json
from agentbox.plugin.sql.users import OF_USERS, user_of
from agentbox.plugin.storage import ApiKeyStore, Page

COLUMNS = (
    "api_keys.id, api_keys.user_id, api_keys.name, api_keys.description, api_keys.key_prefix,"
    " api_keys.scopes, api_keys.all_environments, api_keys.created_at, api_keys.expires_at,"
    " api_keys.last_used, api_keys.revoked_at, api_keys.organization_id, api_keys.permissions,"
    " api_keys.allowed_cidrs, api_keys.rate_limit, api_keys.rotated_from"
)
INSERT = (
    "INSERT INTO api_keys (id, user_id, name, description, key_prefix, scopes, all_environments,"
    " created_at, expires_at, last_used, revoked_at, organization_id, permissions, allowed_cidrs,"
    " rate_limit, rotated_from, digest)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
)
SELECT = f"SELECT {COLUMNS} FROM api_keys WHERE id = $1"
ISSUED = (
    f"SELECT {COLUMNS}, api_keys.digest, {OF_USERS} FROM api_keys"
    " JOIN users ON users.id = api_keys.user_id"
)
OF_THOSE = " WHERE api_keys.id IN ({in})"
REVOKE = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
REPLACE = (
    "UPDATE api_keys SET name = $2, description = $3, scopes = $4, all_environments = $5,"
    " expires_at = $6, permissions = $7, allowed_cidrs = $8, rate_limit = $9"
    " WHERE id = $1 AND revoked_at IS NULL RETURNING id"
)
TOUCH = (
    "UPDATE api_keys SET last_used = $2"
    " WHERE id = $1 AND revoked_at IS NULL AND (last_used IS NULL OR last_used < $2)"
)

LIST = f"SELECT {COLUMNS} FROM api_keys"
COUNT = "SELECT count(*) FROM api_keys"
# Keys are walked newest first and each one's owner is looked up. CROSS JOIN says so to SQLite,
# which otherwise may begin with the owners and sort all their keys.
OF_OWNERS = " CROSS JOIN users"
LIST_ORDER = " ORDER BY api_keys.created_at DESC, api_keys.id DESC"
COMES_AFTER = "(api_keys.created_at, api_keys.id) < ({0}, {1})"
OF_USER = "api_keys.user_id = {}"
IS_OWNER = "users.id = api_keys.user_id"
ROLE_IN = "users.role IN ({in})"
ACTIVE = (
    "(api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > {}))"
)
EXPIRED = "(api_keys.revoked_at IS NULL AND api_keys.expires_at <= {})"
REVOKED = "api_keys.revoked_at IS NOT NULL"


class SqlApiKeyStore(ApiKeyStore):
    """API keys."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, key: ApiKey, digest: bytes) -> None:
        await self._db.fetch(
            INSERT,
            key.id,
            key.user_id,
            key.name,
            key.description,
            key.key_prefix,
            to_json(key.scopes),
            key.all_environments,
            key.created_at,
            key.expires_at,
            key.last_used,
            key.revoked_at,
            key.organization_id,
            to_json(key.permissions),
            to_json(key.allowed_cidrs),
            key.rate_limit,
            key.rotated_from,
            digest,
        )

    async def get(self, key_id: str) -> ApiKey | None:
        rows = await self._db.fetch(SELECT, key_id)
        return self._key(rows[0]) if rows else None

    async def issued(self, key_ids: Sequence[str]) -> Sequence[IssuedKey]:
        ids = filled(key_ids)
        rows = await self._db.fetch(with_places(ISSUED + OF_THOSE, len(ids)), *ids)
        return [
            IssuedKey(self._key(row), bytes(row[16]), user_of(self._db, row[17:])) for row in rows
        ]

    async def revoke(self, key_id: str, now: datetime) -> bool:
        return bool(await self._db.fetch(REVOKE, key_id, now))

    async def replace(self, key: ApiKey) -> bool:
        rows = await self._db.fetch(
            REPLACE,
            key.id,
            key.name,
            key.description,
            to_json(key.scopes),
            key.all_environments,
            key.expires_at,
            to_json(key.permissions),
            to_json(key.allowed_cidrs),
            key.rate_limit,
        )
        return bool(rows)

    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        # Sorted, so that two processes that note uses of the same rows never wait for each other.
        await self._db.run_many(TOUCH, sorted(last_used.items()))

    async def list(self, where: ApiKeyFilter, page: Page) -> Sequence[ApiKey]:
        source, conditions = _narrowed(where, page.after)
        sql = LIST + source + LIST_ORDER + conditions.page(page.limit, page.offset)
        return [self._key(row) for row in await self._db.fetch(sql, *conditions.values)]

    async def count(self, where: ApiKeyFilter) -> int:
        source, conditions = _narrowed(where)
        rows = await self._db.fetch(COUNT + source, *conditions.values)
        return int(rows[0][0])

    def _key(self, row: Row) -> ApiKey:
        return ApiKey(
            id=row[0],
            user_id=row[1],
            name=row[2],
            description=row[3],
            key_prefix=row[4],
            scopes=from_json(row[5], tuple[str, ...]),
            all_environments=None if row[6] is None else Permission(row[6]),
            created_at=self._db.instant(row[7]),
            expires_at=optional_instant(self._db, row[8]),
            last_used=optional_instant(self._db, row[9]),
            revoked_at=optional_instant(self._db, row[10]),
            organization_id=row[11],
            permissions=from_json(row[12], tuple[KeyPermission, ...]),
            allowed_cidrs=from_json(row[13], tuple[str, ...]),
            rate_limit=row[14],
            rotated_from=row[15],
        )


def _narrowed(
    where: ApiKeyFilter, after: tuple[datetime, str] | None = None
) -> tuple[str, Conditions]:
    """What follows `FROM api_keys`, without order and limit."""
    conditions = Conditions()
    if after is not None:
        conditions.add_pair(COMES_AFTER, after)
    if where.user_id is not None:
        conditions.add(OF_USER, where.user_id)
    if where.state is ApiKeyState.ACTIVE:
        conditions.add(ACTIVE, where.now)
    elif where.state is ApiKeyState.EXPIRED:
        conditions.add(EXPIRED, where.now)
    elif where.state is ApiKeyState.REVOKED:
        conditions.add_plain(REVOKED)
    if where.owner_roles is None:
        return conditions.where(), conditions
    conditions.add_plain(IS_OWNER)
    conditions.add_in(ROLE_IN, where.owner_roles, OF_USER, where.also_of)
    return OF_OWNERS + conditions.where(), conditions
