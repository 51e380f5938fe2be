"""Series of what was measured, and the figures of a dashboard."""

from __future__ import annotations

from agentbox.core.charts.figures import stats_of
from agentbox.core.charts.plan import Asked
from agentbox.core.charts.series import charts_of
from agentbox.core.runtime import Runtime
from agentbox.model.principal import Principal
from agentbox.plugin.routes import Handler, RouteRequest
from agentbox.web.handlers.api_keys import moment
from agentbox.web.handlers.shapes.metrics import (
    ConfigOut,
    MetricTypesOut,
    OneTypeQuery,
    SeriesOfQuery,
    SeriesOut,
    SeriesQuery,
    SpanQuery,
    StatsOut,
    config_out,
    series_out,
    stats_out,
    types_out,
)


class MetricHandlers:
    """GET /metrics and what lies below, /system/stats and /system/config."""

    def __init__(self, runtime: Runtime) -> None:
        self._charts = charts_of(runtime)
        self._stats = stats_of(runtime)
        self._configuration = runtime.configuration

    async def series(self, request: RouteRequest[None, SeriesQuery]) -> SeriesOut:
        """Of an environment, or of everything together."""
        query = request.query
        return await self._series(request.principal, query.type, query.env_id, query)

    async def of_all(self, request: RouteRequest[None, SeriesOfQuery]) -> SeriesOut:
        """Of everything together."""
        return await self._series(request.principal, request.query.type, None, request.query)

    async def of_environment(self, request: RouteRequest[None, SeriesOfQuery]) -> SeriesOut:
        """Of one environment."""
        environment_id = request.path["environment_id"]
        return await self._series(
            request.principal, request.query.type, environment_id, request.query
        )

    def of_type(self, name: str) -> Handler:
        """Of that type."""

        async def handle(request: RouteRequest[None, OneTypeQuery]) -> SeriesOut:
            return await self._series(request.principal, name, request.query.env_id, request.query)

        return handle

    async def types(self, request: RouteRequest[None, None]) -> MetricTypesOut:
        """What may be asked for."""
        return types_out(self._charts.types, self._charts.levels)

    async def stats(self, request: RouteRequest[None, None]) -> StatsOut:
        """How much there is."""
        return stats_out(await self._stats.figures(request.principal))

    async def config(self, request: RouteRequest[None, None]) -> ConfigOut:
        """The settings that hold."""
        return config_out(self._configuration)

    async def _series(
        self,
        caller: Principal,
        name: str,
        environment_id: str | None,
        query: SpanQuery,
    ) -> SeriesOut:
        asked = Asked(
            start=moment(query.start, "/start"),
            end=moment(query.end, "/end"),
            step=query.step,
            aggregate=query.agg,
        )
        return await series_out(await self._charts.series(caller, name, environment_id, asked))
