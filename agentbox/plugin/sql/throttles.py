"""Guesses at passwords: counters, and the addresses that accounts have signed in from."""

from __future__ import annotations

from datetime import datetime

from agentbox.errors import StorageError
from agentbox.model.throttles import Counter, Penalty, Tally
from agentbox.plugin.sql.driver import PURGED_AT_ONCE, Connection, Row
from agentbox.plugin.storage.throttles import ThrottleStore

THIS = "tier = $1 AND account = $2 AND address = $3"
TALLY = "failures, running, ends_at, blocks"

# A row without failures has a time that has ended, so the first failure begins a new one.
RESERVE = (
    "INSERT INTO throttles"
    " (tier, account, address, failures, running, running_until, ends_at, blocks)"
    " VALUES ($1, $2, $3, 0, 1, $5, $4, 0)"
    " ON CONFLICT (tier, account, address) DO UPDATE SET"
    " failures = CASE WHEN throttles.ends_at <= $4 THEN 0 ELSE throttles.failures END,"
    " running = CASE WHEN throttles.running_until <= $4 THEN 1 ELSE throttles.running + 1 END,"
    " running_until = CASE WHEN throttles.running = 0 OR throttles.running_until <= $4 THEN $5"
    " ELSE throttles.running_until END"
    f" RETURNING {TALLY}"
)

ONE_LESS = "running = CASE WHEN running > 0 THEN running - 1 ELSE 0 END"
REACHED = "(CASE WHEN ends_at <= $4 THEN 1 ELSE failures + 1 END) >= $5"
BLOCKS = "(CASE WHEN ends_at <= $6 THEN 0 ELSE blocks END)"
FAIL = (
    f"UPDATE throttles SET {ONE_LESS},"
    " failures = CASE WHEN ends_at <= $4 THEN 1 ELSE failures + 1 END,"
    f" blocks = CASE WHEN {REACHED} THEN {BLOCKS} + 1 ELSE {BLOCKS} END,"
    f" ends_at = CASE WHEN {REACHED} AND {BLOCKS} = 0 THEN $8"
    f" WHEN {REACHED} AND {BLOCKS} = 1 THEN $9 WHEN {REACHED} THEN $10"
    " WHEN ends_at <= $4 THEN $7 ELSE ends_at END"
    f" WHERE {THIS} RETURNING {TALLY}"
)
RELEASE = f"UPDATE throttles SET {ONE_LESS} WHERE {THIS} RETURNING tier"
CLEAR = (
    f"UPDATE throttles SET {ONE_LESS}, failures = 0, blocks = 0, ends_at = $4"
    f" WHERE {THIS} RETURNING tier"
)
LIFT = (
    "UPDATE throttles SET failures = 0, blocks = 0, ends_at = $2"
    " WHERE tier IN ('pair', 'account') AND account = $1 AND (failures > 0 OR blocks > 0)"
    " RETURNING tier"
)
FORGET = "DELETE FROM throttles WHERE tier IN ('pair', 'account') AND account = $1 RETURNING tier"
PURGE = (
    "DELETE FROM throttles WHERE (tier, account, address) IN"
    " (SELECT tier, account, address FROM throttles WHERE ends_at < $1"
    " AND (blocks = 0 OR ends_at < $2) AND (running = 0 OR running_until < $1)"
    f" ORDER BY ends_at LIMIT {PURGED_AT_ONCE}) RETURNING tier"
)

SELECT_KNOWN = (
    "SELECT last_success FROM known_addresses"
    " WHERE account = $1 AND address = $2 AND last_success > $3"
)
NOTE = (
    "INSERT INTO known_addresses (account, address, last_success) VALUES ($1, $2, $3)"
    " ON CONFLICT (account, address) DO UPDATE SET last_success = excluded.last_success"
    " WHERE known_addresses.last_success < excluded.last_success"
)
FORGET_KNOWN = "DELETE FROM known_addresses WHERE account = $1 RETURNING account"
PURGE_KNOWN = (
    "DELETE FROM known_addresses WHERE (account, address) IN"
    " (SELECT account, address FROM known_addresses WHERE last_success < $1"
    f" ORDER BY last_success LIMIT {PURGED_AT_ONCE})"
    " RETURNING account"
)


class SqlThrottleStore(ThrottleStore):
    """Counters of guesses."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def reserve(self, counter: Counter, now: datetime, until: datetime) -> Tally:
        return self._tally((await self._db.fetch(RESERVE, *counter, now, until))[0])

    async def fail(self, counter: Counter, now: datetime, penalty: Penalty) -> Tally:
        rows = await self._db.fetch(
            FAIL,
            *counter,
            now,
            penalty.limit,
            penalty.forget,
            penalty.window_end,
            *penalty.block_ends,
        )
        if not rows:
            raise StorageError("a guess has failed that nobody had reserved")
        return self._tally(rows[0])

    async def release(self, counter: Counter) -> None:
        await self._db.fetch(RELEASE, *counter)

    async def clear(self, counter: Counter, now: datetime) -> None:
        await self._db.fetch(CLEAR, *counter, now)

    async def lift(self, account: str, now: datetime) -> int:
        return len(await self._db.fetch(LIFT, account, now))

    async def known(self, account: str, address: str, since: datetime) -> bool:
        return bool(await self._db.fetch(SELECT_KNOWN, account, address, since))

    async def note_success(self, account: str, address: str, now: datetime) -> None:
        await self._db.fetch(NOTE, account, address, now)

    async def forget(self, account: str) -> None:
        await self._db.fetch(FORGET, account)
        await self._db.fetch(FORGET_KNOWN, account)

    async def purge(self, before: datetime, blocks_before: datetime, known_before: datetime) -> int:
        counters = await self._db.fetch(PURGE, before, blocks_before)
        return len(counters) + len(await self._db.fetch(PURGE_KNOWN, known_before))

    def _tally(self, row: Row) -> Tally:
        return Tally(row[0], row[1], self._db.instant(row[2]), row[3])
