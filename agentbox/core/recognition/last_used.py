"""When API keys were last used: collected in memory, written in batches, never by a request."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from agentbox.plugin.storage import Storage

BATCH = 200


class LastUsed:
    """Notes uses; `flush` writes them. A crash loses at most what one second has noted."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._noted: dict[str, datetime] = {}

    def note(self, key_id: str, now: datetime) -> None:
        """The key was used now."""
        self._noted[key_id] = now

    async def flush(self) -> int:
        """Write what was noted, a batch a transaction; how many keys. What fails stays noted."""
        written = 0
        while self._noted:
            batch = dict(islice(self._noted.items(), BATCH))
            async with self._storage.transaction() as tx:
                await tx.api_keys.touch(batch)
            for key_id, used in batch.items():
                if self._noted.get(key_id) == used:
                    del self._noted[key_id]
            written += len(batch)
            if len(batch) < BATCH:
                break
        return written
