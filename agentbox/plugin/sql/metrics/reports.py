"""What environments reported last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from agentbox.model.environments import EnvironmentReport, RunningEnvironment, said_since
from agentbox.plugin.sql.conditions import filled, with_places
from agentbox.plugin.sql.driver import Connection, Row, Value
from agentbox.plugin.storage import ReportStore

SAID = "reported_at, cpu_millicores, memory_bytes, sandboxes"

# From the environment's own row, so that nothing is kept for one that is gone meanwhile. Of reports
# at once whichever is written last is the newer one, whatever clocks say: each was answered, and
# none may be lost.
IS_LATE = "excluded.reported_at < environment_reports.reported_at"
OF_THIS_RUN = (
    "NOT EXISTS (SELECT 1 FROM environments AS begun"
    " WHERE begun.id = environment_reports.environment_id"
    " AND begun.started_at > environment_reports.reported_at)"
)


def _kept(column: str) -> str:
    """What is said now, else what was said of this run before."""
    before = f"CASE WHEN {OF_THIS_RUN} THEN environment_reports.{column} END"
    return f"{column} = COALESCE(excluded.{column}, {before})"


PUT = (
    f"INSERT INTO environment_reports (environment_id, {SAID})"
    " SELECT environments.id, $2, $3, $4, $5 FROM environments WHERE environments.id = $1"
    " ON CONFLICT (environment_id) DO UPDATE SET"
    f" {_kept('cpu_millicores')}, {_kept('memory_bytes')}, {_kept('sandboxes')},"
    f" reported_at = CASE WHEN {IS_LATE} THEN environment_reports.reported_at"
    " ELSE excluded.reported_at END"
)
PUT_ONE = f"{PUT} RETURNING environment_id"
GET = f"SELECT environment_id, {SAID} FROM environment_reports WHERE environment_id IN ({{in}})"
RUNNING = (
    f"SELECT environments.id, {SAID}, environments.created_at, environments.started_at"
    " FROM environments LEFT JOIN environment_reports"
    " ON environment_reports.environment_id = environments.id"
    " WHERE environments.status = 'running'"
    " AND (environment_reports.reported_at IS NULL OR environment_reports.reported_at >= $1"
    " OR environments.started_at >= $1)"
    " ORDER BY environments.id"
)


class SqlReportStore(ReportStore):
    """One row an environment."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def put(self, report: EnvironmentReport) -> bool:
        return bool(await self._db.fetch(PUT_ONE, *_values(report)))

    async def put_all(self, reports: Sequence[EnvironmentReport]) -> Collection[str]:
        # Sent together: on a busy machine a round trip for each would take seconds.
        await self._db.run_many(PUT, [_values(each) for each in reports])
        return (await self.get([*{each.environment_id for each in reports}])).keys()

    async def get(self, environment_ids: Sequence[str]) -> Mapping[str, EnvironmentReport]:
        if not environment_ids:
            return {}
        ids = filled(environment_ids)
        rows = await self._db.fetch(with_places(GET, len(ids)), *ids)
        return {row[0]: self._report(row) for row in rows}

    async def running(self, fresh_since: datetime) -> Sequence[RunningEnvironment]:
        return [self._running(row) for row in await self._db.fetch(RUNNING, fresh_since)]

    def _running(self, row: Row) -> RunningEnvironment:
        started_at = None if row[6] is None else self._db.instant(row[6])
        report = None if row[1] is None else self._report(row)
        return RunningEnvironment(
            id=row[0],
            created_at=self._db.instant(row[5]),
            started_at=started_at,
            report=said_since(started_at, report),
        )

    def _report(self, row: Row) -> EnvironmentReport:
        return EnvironmentReport(
            environment_id=row[0],
            reported_at=self._db.instant(row[1]),
            cpu_millicores=row[2],
            memory_bytes=row[3],
            sandboxes=row[4],
        )


def _values(report: EnvironmentReport) -> Sequence[Value]:
    return (
        report.environment_id,
        report.reported_at,
        report.cpu_millicores,
        report.memory_bytes,
        report.sandboxes,
    )
