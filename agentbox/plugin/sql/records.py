"""The small stores: signing keys, jobs, markers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentbox.model.jobs import JobState, Lease
from agentbox.model.signing_keys import SigningKey
from agentbox.plugin.sql.driver import Connection, Row, from_json, optional_instant, to_json
from agentbox.plugin.storage import JobStore, MarkerStore, SigningKeyStore

KEY_COLUMNS = "id, algorithm, public_jwk, sealed_private_key, created_at, retired_at, signs_from"
INSERT_KEY = f"INSERT INTO signing_keys ({KEY_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
SELECT_KEYS = f"SELECT {KEY_COLUMNS} FROM signing_keys ORDER BY created_at, id"
RETIRE_KEY = (
    "UPDATE signing_keys SET retired_at = $2 WHERE id = $1"
    " AND (retired_at IS NULL OR retired_at > $2) RETURNING id"
)
PURGE_KEYS = "DELETE FROM signing_keys WHERE retired_at < $1 RETURNING id"

ENSURE_JOB = (
    "INSERT INTO jobs (name, next_due, lease_until, fence) VALUES ($1, $2, NULL, 0)"
    " ON CONFLICT (name) DO NOTHING"
)
JOB_COLUMNS = (
    "name, next_due, lease_until, fence, asked_at,"
    " last_started, last_finished, last_outcome, last_process"
)
SELECT_JOB = f"SELECT {JOB_COLUMNS} FROM jobs WHERE name = $1"
SELECT_JOBS = f"SELECT {JOB_COLUMNS} FROM jobs ORDER BY name"
# Who asked by a clock that was ahead asked before this run began; `finish` tells it by that.
CLAIM_JOB = (
    "UPDATE jobs SET lease_until = $3, fence = fence + 1, last_started = $2, last_process = $4,"
    " asked_at = CASE WHEN asked_at > $2 THEN $2 ELSE asked_at END"
    " WHERE name = $1 AND (next_due <= $2 OR asked_at IS NOT NULL)"
    " AND (lease_until IS NULL OR lease_until <= $2) RETURNING fence"
)
# A lease that was given back stays so: else a renewal that comes late would hold up the next run.
# One that ends when its run did was given back with the run undone.
RENEW_JOB = (
    "UPDATE jobs SET lease_until = $3 WHERE name = $1 AND fence = $2 AND lease_until IS NOT NULL"
    " AND (last_finished IS NULL OR lease_until <> last_finished) RETURNING name"
)
# The clock may have been ahead when the run began, and right when it ended.
FINISH_JOB = (
    "UPDATE jobs SET next_due = $3, lease_until = NULL,"
    " asked_at = CASE WHEN asked_at > last_started THEN asked_at END,"
    " last_started = CASE WHEN last_started > $4 THEN $4 ELSE last_started END,"
    " last_finished = $4, last_outcome = $5"
    " WHERE name = $1 AND fence = $2 RETURNING name"
)
RELEASE_JOB = (
    "UPDATE jobs SET lease_until = $3,"
    " last_started = CASE WHEN last_started > $3 THEN $3 ELSE last_started END,"
    " last_finished = $3, last_outcome = $4"
    " WHERE name = $1 AND fence = $2 AND lease_until IS NOT NULL RETURNING name"
)
SKIP_RUN = (
    "UPDATE jobs SET next_due = $3 WHERE name = $1 AND next_due = $2 AND lease_until IS NULL"
    " AND asked_at IS NULL RETURNING name"
)
CORRECT_JOB = (
    "UPDATE jobs SET next_due = $4, lease_until = $5"
    " WHERE name = $1 AND fence = $2 AND lease_until = $3 RETURNING name"
)
FORGET_JOB = (
    "DELETE FROM jobs WHERE name = $1 AND next_due < $2"
    " AND (last_started IS NULL OR last_started < $2)"
    " AND (lease_until IS NULL OR lease_until < $2)"
    " AND (asked_at IS NULL OR asked_at < $2) RETURNING name"
)
ASK_FOR_RUN = (
    "UPDATE jobs SET asked_at = $2 WHERE name = $1"
    " AND (lease_until IS NULL OR lease_until <= $2) RETURNING name"
)
HOLDS_JOB = "SELECT name FROM jobs WHERE name = $1 AND fence = $2"

CLAIM_MARKER = (
    "INSERT INTO markers (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING name"
)
SELECT_MARKER = "SELECT value FROM markers WHERE name = $1"


class SqlSigningKeyStore(SigningKeyStore):
    """Keys that sign access tokens."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, key: SigningKey) -> None:
        await self._db.fetch(
            INSERT_KEY,
            key.id,
            key.algorithm,
            to_json(key.public_jwk),
            key.sealed_private_key,
            key.created_at,
            key.retired_at,
            key.signs_from,
        )

    async def retire(self, key_id: str, at: datetime) -> bool:
        return bool(await self._db.fetch(RETIRE_KEY, key_id, at))

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE_KEYS, before))

    async def list(self) -> Sequence[SigningKey]:
        return [
            SigningKey(
                id=row[0],
                algorithm=row[1],
                public_jwk=from_json(row[2], dict[str, str]),
                sealed_private_key=bytes(row[3]),
                created_at=self._db.instant(row[4]),
                retired_at=optional_instant(self._db, row[5]),
                signs_from=optional_instant(self._db, row[6]),
            )
            for row in await self._db.fetch(SELECT_KEYS)
        ]


class SqlJobStore(JobStore):
    """Jobs, claimed by row."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def ensure(self, name: str, next_due: datetime) -> None:
        await self._db.fetch(ENSURE_JOB, name, next_due)

    async def get(self, name: str) -> JobState | None:
        rows = await self._db.fetch(SELECT_JOB, name)
        return self._state(rows[0]) if rows else None

    async def list(self) -> Sequence[JobState]:
        return [self._state(row) for row in await self._db.fetch(SELECT_JOBS)]

    async def claim(
        self, name: str, now: datetime, lease_until: datetime, by: str = ""
    ) -> Lease | None:
        await self._db.lock(_held(name))
        rows = await self._db.fetch(CLAIM_JOB, name, now, lease_until, by)
        return Lease(name, rows[0][0]) if rows else None

    async def renew(self, lease: Lease, lease_until: datetime) -> bool:
        return bool(await self._db.fetch(RENEW_JOB, lease.name, lease.fence, lease_until))

    async def finish(self, lease: Lease, next_due: datetime, *, at: datetime, outcome: str) -> bool:
        return bool(
            await self._db.fetch(FINISH_JOB, lease.name, lease.fence, next_due, at, outcome)
        )

    async def release(self, lease: Lease, *, at: datetime, outcome: str) -> bool:
        return bool(await self._db.fetch(RELEASE_JOB, lease.name, lease.fence, at, outcome))

    async def skip(self, name: str, due: datetime, next_due: datetime) -> bool:
        return bool(await self._db.fetch(SKIP_RUN, name, due, next_due))

    async def correct(self, state: JobState, *, next_due: datetime, lease_until: datetime) -> bool:
        found = (state.name, state.fence, state.lease_until)
        return bool(await self._db.fetch(CORRECT_JOB, *found, next_due, lease_until))

    async def forget(self, name: str, before: datetime) -> bool:
        return bool(await self._db.fetch(FORGET_JOB, name, before))

    async def run_now(self, name: str, now: datetime) -> bool:
        return bool(await self._db.fetch(ASK_FOR_RUN, name, now))

    async def holds(self, lease: Lease) -> bool:
        """True if `lease` is still the last claim; then it stays so to the transaction's end.

        It is a lock that holds off the next claim, and not the row: the lease is renewed there.
        """
        await self._db.lock(_held(lease.name))
        return bool(await self._db.fetch(HOLDS_JOB, lease.name, lease.fence))

    def _state(self, row: Row) -> JobState:
        name, next_due, lease_until, fence, asked_at, started, finished, outcome, process = row
        return JobState(
            name=name,
            next_due=self._db.instant(next_due),
            lease_until=optional_instant(self._db, lease_until),
            fence=fence,
            asked_at=optional_instant(self._db, asked_at),
            last_started=optional_instant(self._db, started),
            last_finished=optional_instant(self._db, finished),
            last_outcome=outcome,
            last_process=process,
        )


def _held(name: str) -> str:
    return f"job:{name}"


class SqlMarkerStore(MarkerStore):
    """Facts that are written once."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def claim(self, name: str, value: str) -> bool:
        return bool(await self._db.fetch(CLAIM_MARKER, name, value))

    async def get(self, name: str) -> str | None:
        rows = await self._db.fetch(SELECT_MARKER, name)
        return str(rows[0][0]) if rows else None
