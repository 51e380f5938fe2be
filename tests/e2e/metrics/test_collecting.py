"""A server that serves: ticks arrive in the database, and from a plugin's source in its sink."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agentbox.core.runtime import open_runtime
from agentbox.core.startup import assemble
from agentbox.model.environments import EnvironmentReport
from agentbox.model.ids import new_id
from agentbox.model.metrics import Aggregate, Level, Point, SeriesQuery
from agentbox.model.times import EPOCH
from agentbox.plugin import Storage
from tests.backend import database_in
from tests.e2e.people import Template
from tests.live import Live, live_server

TICK = timedelta(seconds=5)
EVERY_TICK = {"AGENTBOX_METRICS_COLLECTION_INTERVAL": "5s"}


async def points(
    storage: Storage, type_: str, environment_id: str | None = None, since: datetime = EPOCH
) -> list[Point]:
    """The raw points of a series."""
    query = SeriesQuery(
        type=type_,
        environment_id=environment_id,
        start=since,
        end=EPOCH + timedelta(days=36500),
        step=TICK,
        level=Level.RAW,
        aggregate=Aggregate.LAST,
    )
    async with storage.transaction(read_only=True) as tx:
        return list(await tx.metrics.points(query))


async def wait_for_points(live: Live, type_: str, count: int, **of: Any) -> list[Point]:
    deadline = time.monotonic() + 40
    while len(found := await points(live.runtime.storage, type_, **of)) < count:
        assert time.monotonic() < deadline, f"{len(found)} points of {type_}"
        await asyncio.sleep(0.1)
    return found


async def register(live: Live) -> str:
    """An environment that runs."""
    admin = await live.admin()
    made = await admin.post("/environments", {"name": f"e-{new_id()}", "status": "running"})
    assert made.status == 201, made.text
    return str(made.body["id"])


async def test_ticks_arrive_at_their_times_and_each_of_them_once(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=EVERY_TICK) as live:
        mine, now = await register(live), live.runtime.clock.now()
        # The template has points of the server that filled it.
        everybody = await wait_for_points(live, "environments", 2, since=now)
        own = await wait_for_points(live, "process_memory", 2, since=now)
        of_mine = await wait_for_points(live, "running_sandboxes", 1, environment_id=mine)
        counters = live.runtime.counters.snapshot()

    for found in (everybody, own, of_mine):
        ticks = [point.at for point in found]
        assert ticks == sorted(set(ticks))
        assert {(at - EPOCH) % TICK for at in ticks} == {timedelta(0)}
        assert all(later - sooner == TICK for sooner, later in pairwise(ticks))
    assert everybody[-1].value >= 1
    assert of_mine[0].value == 1
    assert own[0].value > 1
    assert counters["sinks.database.delivered"] >= 4
    assert not [name for name in counters if name.endswith((".failed", ".dropped", ".refused"))]


async def test_what_an_environment_reports_is_in_the_next_tick(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=EVERY_TICK) as live:
        mine = await register(live)
        report = EnvironmentReport(
            environment_id=mine,
            reported_at=live.runtime.clock.now(),
            cpu_millicores=125.0,
            sandboxes=3,
        )
        async with live.runtime.storage.transaction() as tx:
            assert await tx.reports.put(report)
        cpu = await wait_for_points(live, "cpu_usage", 1, environment_id=mine)
        sandboxes = await points(live.runtime.storage, "running_sandboxes", mine)
        everybody = await points(live.runtime.storage, "cpu_usage")

    assert cpu[0].value == 125.0
    assert sandboxes[-1].value == 3.0
    assert everybody[-1].value >= 125.0


OFF: Mapping[str, str] = {"AGENTBOX_METRICS_ENABLED": "false"}


async def test_without_metrics_nothing_is_opened_and_nothing_is_collected(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ={**EVERY_TICK, **OFF}) as live:
        assert live.runtime.pipeline.measuring.types == {}
        assert "metrics" not in live.runtime.plugins.names
        assert [job.name for job in live.runtime.pipeline.jobs()] == [
            "roll-up-metrics",
            "purge-metrics",
        ]


async def test_a_command_beside_a_server_collects_nothing(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    settings = {**database_in(tmp_path).environ, **EVERY_TICK}
    async with open_runtime(assemble(None, settings, {}), serving=False) as runtime:
        assert runtime.pipeline.measuring.sources == []
        assert "collect-metrics" in [job.name for job in runtime.pipeline.jobs()]


async def test_what_a_process_does_is_counted_in_its_tick(
    template: Template, tmp_path: Path
) -> None:
    template.copy_to(tmp_path)
    async with live_server(tmp_path, environ=EVERY_TICK) as live:
        now = live.runtime.clock.now()
        admin = await live.admin()  # a login
        key, _ = await live.make_key(admin, name="k", scopes=["self:read"])
        for _ in range(3):
            assert (await live.with_key(key).get("/auth/me")).status == 200
        wrong = {"username": "admin", "password": "wrong"}
        assert (await live.anonymous.post("/auth/login", wrong)).status == 401
        counted = {
            name: sum(point.value for point in await wait_for_points(live, name, 2, since=now))
            for name in ("logins", "logins_refused", "key_checks", "token_checks", "requests")
        }
        errors = await points(live.runtime.storage, "request_errors", since=now)
        slowest = await points(live.runtime.storage, "request_seconds_p99", since=now)

    assert counted["logins"] == 1
    assert counted["logins_refused"] == 1
    assert counted["key_checks"] == 3
    assert counted["token_checks"] == 1
    assert counted["requests"] >= 6
    assert sum(point.value for point in errors) == 0
    assert 0 < max(point.value for point in slowest) < 10


@pytest.mark.parametrize("name", ["reports", "totals", "host", "self"])
async def test_the_bundled_sources_are_open(name: str, live: Live) -> None:
    assert name in [source.name for source in live.runtime.pipeline.measuring.sources]
