"""Uses of keys and sessions, a statement for all of them.

Every second each replica writes what it has noted, which is a row for each key that was used. The
kit's statement for each row costs both sides more than the requests that are written about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agentbox.plugin.sql.api_keys import SqlApiKeyStore
from agentbox.plugin.sql.sessions import SqlSessionStore
from agentbox.plugin.sql.usage import SqlApiKeyUsageStore
from agentbox_postgres.connection import PostgresConnection

# Rows are locked in the order of their ids, so that of two replicas that write about the same ones
# none waits for the other in a circle. What somebody changed meanwhile is judged as it is then.
TOUCH_KEYS = (
    "WITH used AS MATERIALIZED ("
    " SELECT api_keys.id, given.at FROM unnest($1::text[], $2::timestamptz[]) AS given (id, at)"
    " JOIN api_keys ON api_keys.id = given.id ORDER BY api_keys.id FOR NO KEY UPDATE OF api_keys)"
    " UPDATE api_keys SET last_used = used.at FROM used WHERE api_keys.id = used.id"
    " AND api_keys.revoked_at IS NULL"
    " AND (api_keys.last_used IS NULL OR api_keys.last_used < used.at)"
)
TOUCH_SESSIONS = (
    "WITH used AS MATERIALIZED ("
    " SELECT sessions.id, given.at FROM unnest($1::text[], $2::timestamptz[]) AS given (id, at)"
    " JOIN sessions ON sessions.id = given.id ORDER BY sessions.id FOR NO KEY UPDATE OF sessions)"
    " UPDATE sessions SET last_used = used.at FROM used WHERE sessions.id = used.id"
    " AND (sessions.last_used IS NULL OR sessions.last_used < used.at)"
)
ADD_USES = (
    "INSERT INTO api_key_usage (api_key_id, hour, uses)"
    " SELECT api_keys.id, given.hour, given.uses"
    " FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS given (id, hour, uses)"
    " JOIN api_keys ON api_keys.id = given.id ORDER BY api_keys.id, given.hour"
    " ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = api_key_usage.uses + excluded.uses"
)


class PostgresApiKeyStore(SqlApiKeyStore):
    """API keys."""

    _db: PostgresConnection

    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        await self._db.run_columns(TOUCH_KEYS, list(last_used), list(last_used.values()))


class PostgresSessionStore(SqlSessionStore):
    """Sessions."""

    _db: PostgresConnection

    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        await self._db.run_columns(TOUCH_SESSIONS, list(last_used), list(last_used.values()))


class PostgresApiKeyUsageStore(SqlApiKeyUsageStore):
    """Counts by key and hour."""

    _db: PostgresConnection

    async def add(self, uses: Mapping[tuple[str, datetime], int]) -> None:
        keys, hours = [key for key, _ in uses], [hour for _, hour in uses]
        await self._db.run_columns(ADD_USES, keys, hours, list(uses.values()))
