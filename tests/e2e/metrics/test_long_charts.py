"""Charts of thousands of points over HTTP."""

from __future__ import annotations

from typing import Any

from agentbox.model.metrics import Sample
from agentbox.plugin.turns import AT_ONCE
from tests.e2e.environments.sandbox import register
from tests.e2e.metrics.stored import HOUR, TICK, ask, some_hours_ago, span
from tests.e2e.people import People
from tests.live import Live
from tests.web.charts import as_csv, as_json, points

MANY = 2 * AT_ONCE + 1


async def test_a_long_chart_is_answered_whole(live: Live, people: People) -> None:
    first = some_hours_ago(live) - 17 * HOUR
    mine = await register(people.user)
    given = points(MANY, first)
    async with live.runtime.storage.transaction() as tx:
        for at, value in given:
            await tx.metrics.put(at, [Sample("cpu_usage", value, mine["id"])])
    asked = span(first, first + MANY * TICK, step="30s", agg="last", env_id=mine["id"])

    told = await ask(people.user.caller, "/cpu-usage", **asked)
    options: dict[str, Any] = {"params": asked, "headers": {"Accept": "text/csv"}}
    table = await people.user.caller.get("/metrics/cpu-usage", **options)

    assert told.body["metrics"] == as_json(given, mine["id"])
    assert table.text == as_csv(given, mine["id"])
    assert int(table.headers["Content-Length"]) == len(table.text)
