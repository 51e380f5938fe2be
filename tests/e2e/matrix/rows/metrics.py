"""Series, figures and the configuration."""

from __future__ import annotations

from tests.e2e.matrix.row import Ask, Row

VIEWER = ("viewer on it",)
OF_ALL = ("system:read",)
ONE_TYPE = ("running-sandboxes", "cpu-usage", "memory-usage", "start-time")

ROWS = (
    Row(
        "GET /api/v1/metrics",
        scope="metrics:read",
        asks=(
            Ask("one", query="?type=cpu_usage&env_id={environment_id}", judged=VIEWER),
            Ask("all", query="?type=cpu_usage", scopes=OF_ALL),
        ),
    ),
    Row(
        "GET /api/v1/metrics/global",
        scope="system:read",
        asks=(Ask(query="?type=users&step=1h&agg=max"),),
    ),
    Row(
        "GET /api/v1/metrics/environment/{environment_id}",
        scope="metrics:read",
        asks=(Ask(query="?type=cpu_usage", judged=VIEWER),),
    ),
    *(
        Row(
            f"GET /api/v1/metrics/{name}",
            scope="metrics:read",
            asks=(
                Ask("one", query="?env_id={environment_id}", judged=VIEWER),
                Ask("all", scopes=OF_ALL),
            ),
        )
        for name in ONE_TYPE
    ),
    Row("GET /api/v1/metrics/types", scope="metrics:read"),
    Row("GET /api/v1/system/stats", scope="metrics:read"),
    Row("GET /api/v1/system/config", scope="system:read"),
)
