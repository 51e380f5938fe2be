"""How often API keys were used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.api_keys import ApiKeyUsage
from agentbox.plugin.sql.driver import Connection
from agentbox.plugin.storage import ApiKeyUsageStore

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
PURGE = "DELETE FROM api_key_usage WHERE hour < $1 RETURNING api_key_id"


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
