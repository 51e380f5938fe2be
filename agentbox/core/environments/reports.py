"""Reports: what an environment, or whoever runs it, says of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from agentbox.core.changes import Changes
from agentbox.core.environments.environments import user_id_of
from agentbox.core.environments.fields import change_of, in_status_since
from agentbox.core.environments.report_writer import ReportWriter
from agentbox.errors import FieldFault, NotFound, ValidationFailed
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.permissions import NO_ENVIRONMENT, require_permission
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import ENVIRONMENTS_REPORT, ScopeTable
from agentbox.model.environments import (
    Environment,
    EnvironmentReport,
    EnvironmentStatus,
    SeenEnvironment,
)
from agentbox.model.principal import Actor, Origin
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

SKEW: Final = timedelta(seconds=60)
"""How far the clock of whoever reports may be from ours."""

SAME_START: Final = timedelta(seconds=1)
"""A start that is reported again is the same one if it is within this: many work it out anew from
how long they have been up, and that must not be a change each time."""


class Said(Struct, frozen=True, kw_only=True):
    """What is reported; None says nothing. Nothing at all still says that it is there."""

    status: EnvironmentStatus | None = None
    started_at: datetime | None = None
    cpu_millicores: float | None = None
    memory_bytes: int | None = None
    sandboxes: int | None = None


class Reports:
    """Takes reports. One that brings no other status and no other start is no change."""

    def __init__(
        self, *, storage: Storage, changes: Changes, clock: Clock, scopes: ScopeTable
    ) -> None:
        self._storage = storage
        self._changes = changes
        self._clock = clock
        self._scopes = scopes
        self._writer = ReportWriter(storage)

    async def take(self, actor: Actor, origin: Origin, environment_id: str, said: Said) -> None:
        """Keep what was said of an environment; once this returns, it is committed.

        The actor needs editor. Raises `ValidationFailed`, `NotFound`, `InsufficientPermission`,
        and `StorageError` if it can't be written within 2 s.
        """
        now = self._clock.now()
        if said.started_at is not None and said.started_at > now + SKEW:
            raise _not_then("must not be in the future")
        async with self._storage.transaction(read_only=True, single=True) as tx:
            seen = await tx.environments.get(environment_id, user_id_of(actor))
        environment = _reportable(actor, environment_id, seen)
        if _after(environment, said, now) is not environment:
            await self._change(actor, origin, environment_id, said)
        elif not await self._writer.put(_report(environment_id, said, now)):
            raise NotFound(NO_ENVIRONMENT)

    async def _change(self, actor: Actor, origin: Origin, environment_id: str, said: Said) -> None:
        async with self._changes.begin(actor, origin) as work:
            require_scope(work.actor, ENVIRONMENTS_REPORT, self._scopes)
            seen = await work.tx.environments.get(environment_id, user_id_of(work.actor))
            before = _reportable(work.actor, environment_id, seen)
            after = _after(before, said, work.now)
            if after is not before:
                await work.tx.environments.replace(after)
                await work.record(
                    "environment.update", f"environment:{environment_id}", change_of(before, after)
                )
            await work.tx.reports.put(_report(environment_id, said, work.now))


def _reportable(actor: Actor, environment_id: str, seen: SeenEnvironment | None) -> Environment:
    """The environment, if the actor may report for it."""
    if seen is None:
        raise NotFound(NO_ENVIRONMENT)
    require_permission(actor, environment_id, seen.granted, Permission.EDITOR)
    return seen.environment


def _report(environment_id: str, said: Said, now: datetime) -> EnvironmentReport:
    return EnvironmentReport(
        environment_id=environment_id,
        reported_at=now,
        cpu_millicores=said.cpu_millicores,
        memory_bytes=said.memory_bytes,
        sandboxes=said.sandboxes,
    )


def _after(before: Environment, said: Said, now: datetime) -> Environment:
    """The record after the report: `before` itself unless status or start are other ones.

    Raises `ValidationFailed`.
    """
    status, started_at = said.status or before.status, said.started_at
    if started_at is not None:
        if started_at < before.created_at - SKEW:
            raise _not_then("must not be before the environment was registered")
        if status is EnvironmentStatus.PENDING:
            raise _not_then("can't be given while the status is pending")
        ended = before.terminated_at
        if status is before.status and ended is not None and started_at > ended + SKEW:
            raise _not_then("must not be after the environment ended; say that it is running, too")
    after = in_status_since(before, status, now, started_at)
    if status is not before.status:
        return after
    known, said_now = before.started_at, after.started_at
    if said_now is None or (known is not None and abs(said_now - known) < SAME_START):
        return before
    return after


def _not_then(sentence: str) -> ValidationFailed:
    return ValidationFailed(errors=[FieldFault("/started_at", sentence)])
