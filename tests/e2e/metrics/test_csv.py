"""Charts for spreadsheets (RFC 4180)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.e2e.environments.sandbox import register
from tests.e2e.metrics.stored import HOUR, TICK, some_hours_ago, span, store, text
from tests.e2e.people import People
from tests.live import Live

CSV = "text/csv; charset=utf-8; header=present"
HEADER = ["timestamp", "metric_type", "environment_id", "value"]


def rows(answer: Any) -> list[list[str]]:
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == CSV
    assert answer.headers["Vary"] == "Accept"
    assert answer.text.endswith("\r\n")
    return list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))


async def test_a_chart_comes_as_csv_to_who_wants_it(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    mine = await register(people.user)
    await store(live.runtime.storage, "cpu_usage", {at: 0.1, at + TICK: -1e-9}, mine["id"])
    await store(live.runtime.storage, "cpu_usage", {at: 1e21})
    asked = span(at, at + HOUR)
    one = f"/metrics/environment/{mine['id']}?type=cpu_usage"
    options: dict[str, Any] = {"params": asked, "headers": {"Accept": "text/csv"}}

    assert rows(await people.user.caller.get(one, **options)) == [
        HEADER,
        [text(at), "cpu_usage", mine["id"], "0.1"],
        [text(at + TICK), "cpu_usage", mine["id"], "-1e-09"],
    ]
    assert rows(await people.admin.caller.get("/metrics/cpu-usage", **options)) == [
        HEADER,
        [text(at), "cpu_usage", "", "1e+21"],
    ]


async def test_a_chart_without_points_is_the_header_alone(live: Live, people: People) -> None:
    mine = await register(people.user)
    path = f"/metrics/memory-usage?env_id={mine['id']}"

    assert rows(await people.user.caller.get(path, headers={"Accept": "text/csv"})) == [HEADER]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "text/csv;q=0"])
async def test_everybody_else_gets_json(live: Live, people: People, accept: str) -> None:
    answer = await people.admin.caller.get("/metrics/cpu-usage", headers={"Accept": accept})

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Vary"] == "Accept"
    assert answer.body["type"] == "cpu_usage"


async def test_no_cell_is_a_formula(live: Live, people: People) -> None:
    """Names of types come from plugins, ids from us, and the rest is numbers and times."""
    at = some_hours_ago(live)
    mine = await register(people.user, name="=1+1", labels={"@x": "=2"})
    await store(live.runtime.storage, "cpu_usage", {at: 1.0}, mine["id"])

    answer = await people.user.caller.get(
        f"/metrics/cpu-usage?env_id={mine['id']}&start={text(at)}", headers={"Accept": "text/csv"}
    )

    _, *found = rows(answer)
    assert found
    assert all(not cell or cell[0].isalnum() for row in found for cell in row)


async def test_a_refusal_is_no_csv(live: Live, people: People) -> None:
    answer = await people.user.caller.get("/metrics/cpu-usage", headers={"Accept": "text/csv"})

    assert (answer.status, answer.error) == (403, "insufficient_role")
