"""The figures of a dashboard's first page: how much there is, of what the caller may see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

from agentbox.config.sections import MetricsSettings
from agentbox.core.charts.plan import Asked, Planner
from agentbox.core.environments.environments import user_id_of, visible
from agentbox.core.environments.staleness import is_stale
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.scopes import METRICS_READ, SYSTEM_READ, ScopeTable
from agentbox.model.api_keys import ApiKeyFilter, ApiKeyState
from agentbox.model.environments import (
    EnvironmentFilter,
    EnvironmentReport,
    EnvironmentStatus,
    said_since,
)
from agentbox.model.metrics import Aggregate, SeriesQuery
from agentbox.model.principal import Actor, Operator
from agentbox.model.users import UserFilter
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage, Transaction
from agentbox.plugin.storage.page import Page

if TYPE_CHECKING:
    from agentbox.core.runtime import Runtime

LOGINS_OF: Final = timedelta(days=1)
LOGINS_POINTS: Final = 24 * 6 + 1
"""At most: steps of ten minutes, or longer ones where these are not kept for so long."""

AT_ONCE: Final = 500
"""Environments that are read in one statement."""


class OfAll(Struct, frozen=True, kw_only=True):
    """What there is in the whole database, for those who may see all.

    Sign-ins are those of the last 24 hours, to ten minutes, or to an hour where finer values are
    kept for less; None where they were not counted.
    """

    users: int
    sessions: int
    api_keys: int
    logins: int | None
    logins_refused: int | None


class Figures(Struct, frozen=True, kw_only=True):
    """What the caller may see."""

    environments: Mapping[EnvironmentStatus, int]
    """By status; those that are to run and are stale are not among those that run."""

    stale: int
    running_sandboxes: int
    of_all: OfAll | None


class _Running(NamedTuple):
    environments: int
    sandboxes: int


class Stats:
    """Counts what is there now."""

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        scopes: ScopeTable,
        settings: MetricsSettings,
        stale_after: timedelta,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._scopes = scopes
        self._planner = Planner(settings)
        self._stale_after = stale_after

    async def figures(self, actor: Actor) -> Figures:
        """As of now. Raises `InsufficientRole`, `InsufficientScope`."""
        require_scope(actor, METRICS_READ, self._scopes)
        now = self._clock.now()
        seen = visible(actor, EnvironmentFilter())
        all_of_it = isinstance(actor, Operator) or SYSTEM_READ in actor.scopes
        async with self._storage.transaction(read_only=True) as tx:
            by_status = {
                status: await tx.environments.count(msgspec.structs.replace(seen, status=status))
                for status in EnvironmentStatus
            }
            running = await self._running(tx, actor, seen, now)
            # What came between two reads of Postgres is in one of them alone.
            stale = max(by_status[EnvironmentStatus.RUNNING] - running.environments, 0)
            by_status[EnvironmentStatus.RUNNING] -= stale
            return Figures(
                environments=by_status,
                stale=stale,
                running_sandboxes=running.sandboxes,
                of_all=await self._of_all(tx, now) if all_of_it else None,
            )

    async def _running(
        self, tx: Transaction, actor: Actor, seen: EnvironmentFilter, now: datetime
    ) -> _Running:
        """Those that run and are not stale."""
        fresh_since = now - self._stale_after
        if seen.granted_to is None and seen.only is None:
            found = await tx.reports.running(fresh_since)
            return _Running(len(found), sum(_sandboxes(each.report) for each in found))
        running = msgspec.structs.replace(seen, status=EnvironmentStatus.RUNNING)
        count, sandboxes, after = 0, 0, None
        while True:
            page = Page(AT_ONCE, after=after)
            rows = await tx.environments.list(running, page, user_id_of(actor))
            if not rows:
                return _Running(count, sandboxes)
            reports = await tx.reports.get([row.environment.id for row in rows])
            for environment in (row.environment for row in rows):
                report = reports.get(environment.id)
                if not is_stale(environment, report, fresh_since):
                    count += 1
                    sandboxes += _sandboxes(said_since(environment.started_at, report))
            if len(rows) < AT_ONCE:
                return _Running(count, sandboxes)
            last = rows[-1].environment
            after = (last.created_at, last.id)

    async def _of_all(self, tx: Transaction, now: datetime) -> OfAll:
        keys = ApiKeyFilter(state=ApiKeyState.ACTIVE, now=now)
        return OfAll(
            users=await tx.users.count(UserFilter()),
            sessions=await tx.sessions.count(None, now),
            api_keys=await tx.api_keys.count(keys),
            logins=await self._counted(tx, "logins", now),
            logins_refused=await self._counted(tx, "logins_refused", now),
        )

    async def _counted(self, tx: Transaction, name: str, now: datetime) -> int | None:
        plan = self._planner.plan(Asked(start=now - LOGINS_OF, most=LOGINS_POINTS), now)
        points = await tx.metrics.points(
            SeriesQuery(
                type=name,
                environment_id=None,
                start=plan.first,
                end=plan.until,
                step=plan.step,
                level=plan.level,
                aggregate=Aggregate.SUM,
            )
        )
        return round(sum(point.value for point in points)) if points else None


def stats_of(runtime: Runtime) -> Stats:
    """The figures of this server."""
    return Stats(
        storage=runtime.storage,
        clock=runtime.clock,
        scopes=runtime.scopes,
        settings=runtime.settings.metrics,
        stale_after=runtime.settings.environments.stale_after,
    )


def _sandboxes(report: EnvironmentReport | None) -> int:
    """An environment that runs and has not said how many has one."""
    return 1 if report is None or report.sandboxes is None else report.sandboxes
