"""How often API keys were used: hour by hour, and what counts for the rate of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agentbox.errors import StorageError
from agentbox.model.api_keys import ApiKeyUsage, RateMark
from agentbox.model.times import EPOCH
from agentbox.plugin.sql.driver import PURGED_AT_ONCE, Connection, from_json, to_json
from agentbox.plugin.storage import ApiKeyRateStore, ApiKeyUsageStore

# From the key's own row, so that nothing is counted for a key that is gone meanwhile.
ADD = (
    "INSERT INTO api_key_usage (api_key_id, hour, uses)"
    " SELECT api_keys.id, $2, $3 FROM api_keys WHERE api_keys.id = $1"
    " ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = api_key_usage.uses + excluded.uses"
)
LIST = (
    "SELECT hour, uses FROM api_key_usage"
    " WHERE api_key_id = $1 AND hour >= $2 AND hour < $3 ORDER BY hour"
)
PURGE = (
    "DELETE FROM api_key_usage WHERE (api_key_id, hour) IN"
    " (SELECT api_key_id, hour FROM api_key_usage WHERE hour < $1"
    f" ORDER BY hour LIMIT {PURGED_AT_ONCE})"
    " RETURNING api_key_id"
)

SELECT_MARKS = "SELECT marks FROM api_key_rates WHERE api_key_id = $1"
PUT_MARKS = (
    "INSERT INTO api_key_rates (api_key_id, last_mark, marks)"
    " SELECT api_keys.id, $2, $3 FROM api_keys WHERE api_keys.id = $1"
    " ON CONFLICT (api_key_id) DO UPDATE SET"
    " last_mark = excluded.last_mark, marks = excluded.marks RETURNING api_key_id"
)
PURGE_MARKS = (
    "DELETE FROM api_key_rates WHERE api_key_id IN"
    " (SELECT api_key_id FROM api_key_rates WHERE last_mark < $1"
    f" ORDER BY last_mark LIMIT {PURGED_AT_ONCE})"
    " RETURNING api_key_id"
)

_MICROSECOND = timedelta(microseconds=1)


class SqlApiKeyUsageStore(ApiKeyUsageStore):
    """Counts by key and hour."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, uses: Mapping[tuple[str, datetime], int]) -> None:
        await self._db.run_many(ADD, sorted((*key, count) for key, count in uses.items()))

    async def list(self, key_id: str, start: datetime, end: datetime) -> Sequence[ApiKeyUsage]:
        rows = await self._db.fetch(LIST, key_id, start, end)
        return [ApiKeyUsage(self._db.instant(hour), uses) for hour, uses in rows]

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE, before))


class SqlApiKeyRateStore(ApiKeyRateStore):
    """One row a key: its marks are always read and written together.

    As JSON: `[[microseconds since 1970, uses], …]`.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def get(self, key_id: str) -> Sequence[RateMark]:
        rows = await self._db.fetch(SELECT_MARKS, key_id)
        marks = from_json(rows[0][0], list[tuple[int, int]]) if rows else []
        try:
            return [RateMark(EPOCH + at * _MICROSECOND, uses) for at, uses in marks]
        except OverflowError:
            raise StorageError("a time in the database is out of range") from None

    async def put(self, key_id: str, marks: Sequence[RateMark]) -> bool:
        written = to_json([((mark.last - EPOCH) // _MICROSECOND, mark.uses) for mark in marks])
        return bool(await self._db.fetch(PUT_MARKS, key_id, marks[-1].last, written))

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE_MARKS, before))
