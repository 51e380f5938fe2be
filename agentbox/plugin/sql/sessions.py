"""Sessions, and logins that wait for another step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agentbox.model.sessions import LoginFlow, Session
from agentbox.model.users import User
from agentbox.plugin.sql.conditions import filled, with_places
from agentbox.plugin.sql.driver import (
    PURGED_AT_ONCE,
    Connection,
    Row,
    from_json,
    optional_instant,
    to_json,
)
from agentbox.plugin.sql.users import OF_USERS, user_of
from agentbox.plugin.storage import LoginFlowStore, Page, SessionStore

COLUMNS = (
    "id, user_id, authenticator_id, created_at, expires_at, auth_time, amr, ended_at, ip,"
    " user_agent, generation, nonce, rotated_at, idle_until, last_used"
)
INSERT = (
    f"INSERT INTO sessions ({COLUMNS})"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
)
SELECT = f"SELECT {COLUMNS} FROM sessions WHERE id = $1"
OF_SESSIONS = ", ".join(f"sessions.{column}" for column in COLUMNS.split(", "))
WITH_USERS = (
    f"SELECT {OF_SESSIONS}, {OF_USERS} FROM sessions JOIN users ON users.id = sessions.user_id"
)
OF_THOSE = " WHERE sessions.id IN ({in})"
ROTATE = (
    "UPDATE sessions SET generation = generation + 1, rotated_at = $3, last_used = $3,"
    " idle_until = $4 WHERE id = $1 AND generation = $2 AND ended_at IS NULL AND expires_at > $3"
    f" AND idle_until > $3 RETURNING {COLUMNS}"
)
RENEW = (
    "UPDATE sessions SET auth_time = $2, amr = $3 WHERE id = $1 AND ended_at IS NULL RETURNING id"
)
TOUCH = "UPDATE sessions SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2)"
END = "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL RETURNING id"
END_ALL = (
    "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL"
    " AND expires_at > $2 AND id <> $3 RETURNING id"
)
LIVE = (
    "user_id = $1 AND ended_at IS NULL AND expires_at > $2"
    " AND (idle_until IS NULL OR idle_until > $2)"
)
COUNT_ALL = (
    "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > $1"
    " AND (idle_until IS NULL OR idle_until > $1)"
)
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4"
LIST = f"SELECT {COLUMNS} FROM sessions WHERE {LIVE} {NEWEST_FIRST}"
LIST_AFTER = (
    f"SELECT {COLUMNS} FROM sessions WHERE {LIVE} AND (created_at, id) < ($5, $6) {NEWEST_FIRST}"
)
COUNT = f"SELECT count(*) FROM sessions WHERE {LIVE}"
PURGE = (
    "DELETE FROM sessions WHERE id IN"
    " (SELECT id FROM sessions WHERE expires_at < $1"
    f" ORDER BY expires_at LIMIT {PURGED_AT_ONCE})"
    " RETURNING id"
)

INSERT_FLOW = (
    "INSERT INTO login_flows (id, authenticator_id, sealed_state, expires_at)"
    " VALUES ($1, $2, $3, $4)"
)
FLOW_COLUMNS = "id, authenticator_id, sealed_state, expires_at"
FIND_FLOW = f"SELECT {FLOW_COLUMNS} FROM login_flows WHERE id = $1 AND expires_at > $2"
TAKE_FLOW = (
    "DELETE FROM login_flows WHERE id = $1 AND authenticator_id = $2 AND expires_at > $3"
    f" RETURNING {FLOW_COLUMNS}"
)
# The last one that has to go, and all that end before it; none if there are not so many.
SHORTEN_FLOWS = (
    "DELETE FROM login_flows WHERE authenticator_id = $1 AND (expires_at, id) <= ("
    "SELECT expires_at, id FROM login_flows WHERE authenticator_id = $1"
    " ORDER BY expires_at DESC, id DESC LIMIT 1 OFFSET $2) RETURNING id"
)
PURGE_FLOWS = (
    "DELETE FROM login_flows WHERE id IN"
    " (SELECT id FROM login_flows WHERE expires_at < $1"
    f" ORDER BY expires_at LIMIT {PURGED_AT_ONCE})"
    " RETURNING id"
)


class SqlSessionStore(SessionStore):
    """Sessions."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, session: Session) -> None:
        await self._db.fetch(
            INSERT,
            session.id,
            session.user_id,
            session.authenticator_id,
            session.created_at,
            session.expires_at,
            session.auth_time,
            to_json(session.amr),
            session.ended_at,
            session.ip,
            session.user_agent,
            session.generation,
            session.nonce,
            session.rotated_at,
            session.idle_until,
            session.last_used,
        )

    async def get(self, session_id: str) -> Session | None:
        rows = await self._db.fetch(SELECT, session_id)
        return self._session(rows[0]) if rows else None

    async def with_users(self, session_ids: Sequence[str]) -> Sequence[tuple[Session, User]]:
        ids = filled(session_ids)
        rows = await self._db.fetch(with_places(WITH_USERS + OF_THOSE, len(ids)), *ids)
        return [(self._session(row), user_of(self._db, row[15:])) for row in rows]

    async def rotate(
        self, session_id: str, generation: int, now: datetime, idle_until: datetime
    ) -> Session | None:
        rows = await self._db.fetch(ROTATE, session_id, generation, now, idle_until)
        return self._session(rows[0]) if rows else None

    async def renew(self, session_id: str, auth_time: datetime, amr: Sequence[str]) -> bool:
        return bool(await self._db.fetch(RENEW, session_id, auth_time, to_json(tuple(amr))))

    async def touch(self, last_used: Mapping[str, datetime]) -> None:
        # Sorted, so that two processes that note uses of the same rows never wait for each other.
        await self._db.run_many(TOUCH, sorted(last_used.items()))

    async def end(self, session_id: str, now: datetime) -> bool:
        return bool(await self._db.fetch(END, session_id, now))

    async def end_all(self, user_id: str, now: datetime, *, keep: str | None = None) -> int:
        # No id is empty, so an empty one keeps none.
        return len(await self._db.fetch(END_ALL, user_id, now, keep or ""))

    async def list(self, user_id: str, now: datetime, page: Page) -> Sequence[Session]:
        values = (user_id, now, page.limit, page.offset)
        if page.after is None:
            rows = await self._db.fetch(LIST, *values)
        else:
            rows = await self._db.fetch(LIST_AFTER, *values, *page.after)
        return [self._session(row) for row in rows]

    async def count(self, user_id: str | None, now: datetime) -> int:
        if user_id is None:
            return int((await self._db.fetch(COUNT_ALL, now))[0][0])
        return int((await self._db.fetch(COUNT, user_id, now))[0][0])

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE, before))

    def _session(self, row: Row) -> Session:
        return Session(
            id=row[0],
            user_id=row[1],
            authenticator_id=row[2],
            created_at=self._db.instant(row[3]),
            expires_at=self._db.instant(row[4]),
            auth_time=self._db.instant(row[5]),
            amr=from_json(row[6], tuple[str, ...]),
            ended_at=optional_instant(self._db, row[7]),
            ip=row[8],
            user_agent=row[9],
            generation=row[10],
            nonce=None if row[11] is None else bytes(row[11]),
            rotated_at=optional_instant(self._db, row[12]),
            idle_until=optional_instant(self._db, row[13]),
            last_used=optional_instant(self._db, row[14]),
        )


class SqlLoginFlowStore(LoginFlowStore):
    """Logins that wait for another step."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, flow: LoginFlow) -> None:
        await self._db.fetch(
            INSERT_FLOW, flow.id, flow.authenticator_id, flow.sealed_state, flow.expires_at
        )

    async def take(self, flow_id: str, authenticator_id: str, now: datetime) -> LoginFlow | None:
        return self._flow(await self._db.fetch(TAKE_FLOW, flow_id, authenticator_id, now))

    async def find(self, flow_id: str, now: datetime) -> LoginFlow | None:
        return self._flow(await self._db.fetch(FIND_FLOW, flow_id, now))

    async def shorten(self, authenticator_id: str, keep: int) -> int:
        return len(await self._db.fetch(SHORTEN_FLOWS, authenticator_id, keep))

    async def purge(self, before: datetime) -> int:
        return len(await self._db.fetch(PURGE_FLOWS, before))

    def _flow(self, rows: Sequence[Row]) -> LoginFlow | None:
        if not rows:
            return None
        id_, authenticator_id, sealed_state, expires_at = rows[0]
        return LoginFlow(
            id=id_,
            authenticator_id=authenticator_id,
            sealed_state=bytes(sealed_state),
            expires_at=self._db.instant(expires_at),
        )
