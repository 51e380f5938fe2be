"""The trail, and the seals on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from agentbox.errors import StorageError
from agentbox.model.audit import AuditEvent, AuditFilter, AuditPoint, AuditRow, AuditSeal
from agentbox.plugin.sql.conditions import Conditions
from agentbox.plugin.sql.driver import Connection, Row, from_json, to_json
from agentbox.plugin.storage import AuditStore

COLUMNS = (
    "id, occurred_at, event, actor, target, result, address, request_id, details, organization_id"
)
INSERT = f"INSERT INTO audit ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
# The database numbers the rows: two of one transaction, or of a clock set back, have no order else.
SELECT_LAST = f"SELECT seq, {COLUMNS} FROM audit ORDER BY seq DESC LIMIT $1"
SELECT_ROWS = f"SELECT seq, {COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"
CUT_ROWS = "DELETE FROM audit WHERE seq <= $1 RETURNING seq"
LIST = f"SELECT seq, {COLUMNS} FROM audit"
NEWEST_FIRST = " ORDER BY occurred_at DESC, seq DESC LIMIT "
BEFORE = "(occurred_at, seq) < ({0}, {1})"

SELECT_SEALS = "SELECT seq, mac FROM audit_seals WHERE seq > $1 ORDER BY seq LIMIT $2"
INSERT_SEAL = "INSERT INTO audit_seals (seq, mac) VALUES ($1, $2)"
CUT_SEALS = "DELETE FROM audit_seals WHERE seq <= $1"

SELECT_POINT = "SELECT name, seq, mac, tag FROM audit_points WHERE name = $1"
PUT_POINT = (
    "INSERT INTO audit_points (name, seq, mac, tag) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (name) DO UPDATE SET seq = $2, mac = $3, tag = $4"
)

UNREADABLE = {"unreadable": True}
"""In the place of details that somebody has made unreadable."""


class SqlAuditStore(AuditStore):
    """The trail, for a database whose writers wait for each other, so that numbers are there in
    order. Another one has an `insert` and an `unsealed` of its own."""

    insert: ClassVar[str] = INSERT

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, event: AuditEvent) -> None:
        await self._db.fetch(
            self.insert,
            event.id,
            event.time,
            event.event,
            event.actor,
            event.target,
            event.result,
            event.address,
            event.request_id,
            to_json(event.details),
            event.organization_id,
        )

    async def last(self, limit: int) -> Sequence[AuditEvent]:
        return [self._event(row) for row in await self._db.fetch(SELECT_LAST, limit)]

    async def list(
        self, where: AuditFilter, limit: int, before: tuple[datetime, int] | None = None
    ) -> Sequence[tuple[int, AuditEvent]]:
        conditions = Conditions()
        for column in ("actor", "target", "event", "result"):
            if (value := getattr(where, column)) is not None:
                conditions.add(f"{column} = {{}}", value)
        if where.start is not None:
            conditions.add("occurred_at >= {}", where.start)
        if where.end is not None:
            conditions.add("occurred_at < {}", where.end)
        if before is not None:
            conditions.add_pair(BEFORE, before)
        text = LIST + conditions.where() + NEWEST_FIRST + conditions.bind(limit)
        rows = await self._db.fetch(text, *conditions.values)
        return [(row[0], self._event(row)) for row in rows]

    async def rows(self, after: int, limit: int) -> Sequence[AuditRow]:
        rows = await self._db.fetch(SELECT_ROWS, after, limit)
        return [AuditRow(row[0], self._event_if_sound(row)) for row in rows]

    async def unsealed(self, after: int, limit: int) -> Sequence[AuditRow]:
        return await self.rows(after, limit)

    async def seals(self, after: int, limit: int) -> Sequence[AuditSeal]:
        rows = await self._db.fetch(SELECT_SEALS, after, limit)
        return [AuditSeal(seq, bytes(mac)) for seq, mac in rows]

    async def add_seals(self, seals: Sequence[AuditSeal]) -> None:
        await self._db.run_many(INSERT_SEAL, seals)

    async def point(self, name: str) -> AuditPoint | None:
        rows = await self._db.fetch(SELECT_POINT, name)
        return AuditPoint(*rows[0][:2], *map(bytes, rows[0][2:])) if rows else None

    async def put_point(self, point: AuditPoint) -> None:
        await self._db.fetch(PUT_POINT, point.name, point.seq, point.mac, point.tag)

    async def cut(self, upto: int) -> int:
        await self._db.fetch(CUT_SEALS, upto)
        return len(await self._db.fetch(CUT_ROWS, upto))

    def _event_if_sound(self, row: Row) -> AuditEvent | None:
        """None for a row that the kit never wrote: whoever verifies the trail wants it named."""
        try:
            details = _details(row)
            return self._event(row) if details is not UNREADABLE else None
        except StorageError:
            return None

    def _event(self, row: Row) -> AuditEvent:
        return AuditEvent(
            id=row[1],
            time=self._db.instant(row[2]),
            event=row[3],
            actor=row[4],
            target=row[5],
            result=row[6],
            address=row[7],
            request_id=row[8],
            details=_details(row),
            organization_id=row[10],
        )


def _details(row: Row) -> dict[str, str | int | bool | None] | dict[str, bool]:
    """A list has to show the other rows, whatever was done to one."""
    try:
        return from_json(row[9], dict[str, str | int | bool | None])
    except StorageError:
        return UNREADABLE
