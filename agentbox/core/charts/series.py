"""Series of what was measured, for those who may see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from agentbox.config.sections import MetricsSettings
from agentbox.core.charts.plan import Asked, Plan, Planner
from agentbox.core.environments.environments import user_id_of
from agentbox.errors import FieldFault, NotFound, ValidationFailed
from agentbox.model.access.decisions import require_scope
from agentbox.model.access.permissions import NO_ENVIRONMENT, require_permission
from agentbox.model.access.roles import Permission
from agentbox.model.access.scopes import METRICS_READ, SYSTEM_READ, ScopeTable
from agentbox.model.metrics import Aggregate, MetricType, Point, SeriesQuery
from agentbox.model.principal import Actor
from agentbox.plugin.services import Clock
from agentbox.plugin.storage import Storage

if TYPE_CHECKING:
    from agentbox.core.runtime import Runtime

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Series(Struct, frozen=True, kw_only=True):
    """One line of a chart, oldest first; a step in which nothing was measured has no point."""

    type: MetricType
    environment_id: str | None
    plan: Plan
    aggregate: Aggregate
    points: Sequence[Point]


class KeptLevel(NamedTuple):
    """How finely something is kept, and for how long."""

    step: timedelta
    kept: timedelta


class Charts:
    """Reads series. `types` is what is measured now, by name."""

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        scopes: ScopeTable,
        settings: MetricsSettings,
        types: Mapping[str, MetricType],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._scopes = scopes
        self._enabled = settings.enabled
        self._planner = Planner(settings)
        self._types = types

    @property
    def types(self) -> Sequence[MetricType]:
        """What may be asked for, by name."""
        return sorted(self._types.values(), key=lambda each: each.name)

    @property
    def levels(self) -> Sequence[KeptLevel]:
        """How finely and for how long, the finest first."""
        planner = self._planner
        return [KeptLevel(step, planner.kept[level]) for level, step in planner.steps.items()]

    async def series(
        self, actor: Actor, name: str, environment_id: str | None, asked: Asked
    ) -> Series:
        """The series of an environment, or the one of everything together.

        The first wants `metrics:read` and viewer on the environment, the second `system:read`.
        Raises `InsufficientRole`, `InsufficientScope`, `ValidationFailed`, `NotFound`.
        """
        require_scope(actor, METRICS_READ if environment_id else SYSTEM_READ, self._scopes)
        kind = self._type(name, of_environment=environment_id is not None)
        plan = self._planner.plan(asked, self._clock.now())
        aggregate = asked.aggregate or kind.aggregate
        query = SeriesQuery(
            type=kind.name,
            environment_id=environment_id,
            start=plan.first,
            end=plan.until,
            step=plan.step,
            level=plan.level,
            aggregate=aggregate,
        )
        points: Sequence[Point] = ()
        async with self._storage.transaction(read_only=True) as tx:
            if environment_id is not None:
                granted = await tx.environments.granted((environment_id,), user_id_of(actor))
                if environment_id not in granted:
                    raise NotFound(NO_ENVIRONMENT)
                require_permission(
                    actor, environment_id, granted[environment_id], Permission.VIEWER
                )
            if plan.slots:
                points = await tx.metrics.points(query)
        return Series(
            type=kind,
            environment_id=environment_id,
            plan=plan,
            aggregate=aggregate,
            points=points,
        )

    def _type(self, name: str, *, of_environment: bool) -> MetricType:
        kind = self._types.get(name)
        if kind is not None and (kind.per_environment or not of_environment):
            return kind
        # Where nothing is collected nobody says what there is, and what was stored is still shown.
        if not self._enabled and NAME.fullmatch(name):
            return MetricType(name=name, unit="", description="", per_environment=True)
        known = [each.name for each in self.types if each.per_environment or not of_environment]
        whose = "an environment" if of_environment else "everything together"
        detail = f"is none of what is measured of {whose}: {', '.join(known) or 'nothing'}"
        raise ValidationFailed(errors=[FieldFault("/type", detail)])


def charts_of(runtime: Runtime) -> Charts:
    """The series of what this process measures, or knows to be measured by a server."""
    return Charts(
        storage=runtime.storage,
        clock=runtime.clock,
        scopes=runtime.scopes,
        settings=runtime.settings.metrics,
        types=runtime.pipeline.measuring.types,
    )
