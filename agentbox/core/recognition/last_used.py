"""When API keys and sessions were used, and how often keys were: collected in memory, written in
batches, never by a request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from agentbox.plugin.storage import Storage, Transaction

BATCH = 200

HOUR = timedelta(hours=1)

Use = tuple[str, datetime]
"""A key's id, and the full hour (UTC) in which it was used."""


class _Noted(NamedTuple):
    uses: int
    last: datetime


class LastUsed:
    """Notes uses; `flush` writes them. A crash loses at most what one second has noted."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._noted: dict[Use, _Noted] = {}
        self._sessions: dict[str, datetime] = {}
        self._hour = self._next_hour = datetime.min.replace(tzinfo=UTC)
        self._one_at_a_time = asyncio.Lock()

    def note(self, key_id: str, now: datetime) -> None:
        """The key was used now."""
        if not self._hour <= now < self._next_hour:
            self._hour = now.replace(minute=0, second=0, microsecond=0)
            self._next_hour = self._hour + HOUR
        use = key_id, self._hour
        noted = self._noted.get(use)
        self._noted[use] = _Noted(1 if noted is None else noted.uses + 1, now)

    def note_session(self, session_id: str, now: datetime) -> None:
        """The session was used now."""
        self._sessions[session_id] = now

    async def flush(self) -> int:
        """Write what was noted, a batch a transaction; how many rows. What fails stays noted.

        Goes on to its end if the caller is cancelled: whether a commit that was left alone took
        place nobody could tell, and its uses would be lost or counted twice.
        """
        return await asyncio.shield(asyncio.create_task(self._flush()))

    async def _flush(self) -> int:
        written = 0
        async with self._one_at_a_time:
            while self._noted or self._sessions:
                batch = dict(islice(self._noted.items(), BATCH))
                sessions = dict(islice(self._sessions.items(), BATCH))
                async with self._storage.transaction() as tx:
                    await self._write(tx, batch, sessions)
                self._forget(batch)
                self._forget_sessions(sessions)
                written += len(batch) + len(sessions)
                if max(len(batch), len(sessions)) < BATCH:
                    break
        return written

    async def _write(
        self, tx: Transaction, batch: dict[Use, _Noted], sessions: dict[str, datetime]
    ) -> None:
        # Sessions first, as a user's deletion takes them, so that the two never wait in a circle.
        if sessions:
            await tx.sessions.touch(sessions)
        if batch:
            await tx.api_keys.touch({key: noted.last for (key, _), noted in batch.items()})
            await tx.api_key_usage.add({use: noted.uses for use, noted in batch.items()})

    def _forget(self, batch: dict[Use, _Noted]) -> None:
        """What came meanwhile stays for the next time."""
        for use, noted in batch.items():
            now = self._noted.pop(use)
            if now.uses > noted.uses:
                self._noted[use] = now._replace(uses=now.uses - noted.uses)

    def _forget_sessions(self, batch: dict[str, datetime]) -> None:
        for session_id, last in batch.items():
            if self._sessions[session_id] == last:
                del self._sessions[session_id]
