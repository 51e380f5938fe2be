"""Series of what was measured, and the figures of a dashboard."""

from __future__ import annotations

from agentbox.errors import NotFound
from agentbox.model.access.roles import Permission
from agentbox.model.access.route import scoped
from agentbox.model.access.scopes import METRICS_READ, SYSTEM_READ
from agentbox.plugin.routes import Handler, Route
from agentbox.web.handlers.metrics import MetricHandlers
from agentbox.web.handlers.shapes import metrics as shapes
from agentbox.web.routes.place import API

ONE_TYPE = {
    "running-sandboxes": ("running_sandboxes", "How many sandboxes ran"),
    "cpu-usage": ("cpu_usage", "Processor time used"),
    "memory-usage": ("memory_usage", "Memory in use"),
    "start-time": ("start_time", "How long starting took"),
}
"""Paths of single types."""


def metric_routes(metrics: MetricHandlers) -> list[Route]:
    """Rows under /metrics."""
    any_series = "of an environment (`env_id`), or with `system:read` of everything together"
    return [
        _series("", metrics.series, f"A series {any_series}", shapes.SeriesQuery),
        Route(
            method="GET",
            path=f"{API}/metrics/global",
            access=scoped(SYSTEM_READ),
            handler=metrics.of_all,
            summary="A series of everything together",
            query=shapes.SeriesOfQuery,
            response=shapes.SeriesOut,
            representations={shapes.CSV: shapes.csv_of},
            tag="metrics",
        ),
        Route(
            method="GET",
            path=f"{API}/metrics/environment/{{environment_id}}",
            access=scoped(METRICS_READ, environment=Permission.VIEWER),
            handler=metrics.of_environment,
            summary="A series of an environment",
            query=shapes.SeriesOfQuery,
            response=shapes.SeriesOut,
            representations={shapes.CSV: shapes.csv_of},
            tag="metrics",
        ),
        *(
            _series(f"/{path}", metrics.of_type(name), f"{what}, {any_series}", shapes.OneTypeQuery)
            for path, (name, what) in ONE_TYPE.items()
        ),
        Route(
            method="GET",
            path=f"{API}/metrics/types",
            access=scoped(METRICS_READ),
            handler=metrics.types,
            summary="What is measured, and at which steps it is kept",
            response=shapes.MetricTypesOut,
            tag="metrics",
        ),
        Route(
            method="GET",
            path=f"{API}/system/stats",
            access=scoped(METRICS_READ),
            handler=metrics.stats,
            summary="How much there is now of what you may see",
            response=shapes.StatsOut,
            tag="system",
        ),
        Route(
            method="GET",
            path=f"{API}/system/config",
            access=scoped(SYSTEM_READ),
            handler=metrics.config,
            summary="The settings that hold, without secrets",
            response=shapes.ConfigOut,
            tag="system",
        ),
    ]


def _series(path: str, handler: Handler, summary: str, query: type[shapes.SpanQuery]) -> Route:
    return Route(
        method="GET",
        path=f"{API}/metrics{path}",
        access=scoped(METRICS_READ),
        handler=handler,
        summary=summary,
        query=query,
        response=shapes.SeriesOut,
        representations={shapes.CSV: shapes.csv_of},
        errors=(NotFound,),
        tag="metrics",
    )
