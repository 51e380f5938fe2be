"""A thousand environments that report everything: what a tick of them costs, in statements and in
time of processors, those of the database's server included."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psutil
import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.host_services import HostServices
from agentbox.core.metrics.keeping import RollUpMetrics
from agentbox.core.metrics.measuring import Measuring
from agentbox.core.metrics.pipeline import Pipeline
from agentbox.model.environments import Environment, EnvironmentReport, EnvironmentStatus
from agentbox.model.ids import new_id
from agentbox.model.metrics import Level
from agentbox.plugin import Storage
from agentbox.testing.storage.charts import chart
from agentbox_metrics.database import AT_ONCE, Database
from agentbox_metrics.reports import Reports
from agentbox_metrics.totals import Totals
from agentbox_postgres.connection import PostgresConnection
from agentbox_sqlite.connection import SqliteConnection
from tests.backend import ON_POSTGRES
from tests.core.metrics.parts import Run
from tests.databases.postgres import PostgresDatabase
from tests.garbage import passed_over
from tests.plugins.rows import add_user
from tests.plugins.stand_in import START
from tests.scale import scaled

ENVIRONMENTS = 1000
SAMPLES = 4 * ENVIRONMENTS + 4 + 4
"""Four series of each, four of all together, and four totals."""

INTERVAL = timedelta(seconds=30)


@pytest.fixture
async def environments(storage: Storage) -> list[str]:
    """So many that run and have reported, with an id each."""
    await add_user(storage)
    ids = sorted(new_id() for _ in range(ENVIRONMENTS))
    async with storage.transaction() as tx:
        for number, id_ in enumerate(ids):
            environment = Environment(
                id=id_,
                user_id="u1",
                name=f"e{number}",
                status=EnvironmentStatus.RUNNING,
                created_at=START - timedelta(hours=1),
                started_at=START - timedelta(hours=1) + timedelta(seconds=number % 60),
            )
            await tx.environments.add(environment)
            report = EnvironmentReport(
                environment_id=id_,
                reported_at=START,
                cpu_millicores=number / 7,
                memory_bytes=number << 20,
                sandboxes=number % 5,
            )
            await tx.reports.put(report)
    return ids


@pytest.fixture
async def pipeline(services: HostServices, storage: Storage) -> AsyncIterator[Pipeline]:
    """The bundled sources of everybody, and the bundled sink."""
    settings = MetricsSettings(collection_interval=INTERVAL)
    made = Pipeline(settings, services.clock, services.counters)
    measuring = Measuring()
    measuring.take_source("metrics", "reports", Reports(services))
    measuring.take_source("metrics", "totals", Totals(services))
    measuring.take_sink("metrics", "database", Database(storage))
    made.take(measuring)
    async with AsyncExitStack() as stack:
        made.start(stack)
        yield made


async def tick(pipeline: Pipeline, number: int) -> None:
    """Measured, and written."""
    await pipeline.collect(START + number * INTERVAL)
    for outlet in pipeline._outlets:
        async with asyncio.timeout(60):
            await outlet.drained()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each statement that is sent, with how many rows it is sent for."""
    found: list[tuple[str, int]] = []
    kind: Any = PostgresConnection if ON_POSTGRES else SqliteConnection
    fetch, run_many = kind.fetch, kind.run_many

    async def noted_fetch(self: Any, sql: str, *values: Any) -> Any:
        found.append((sql, 1))
        return await fetch(self, sql, *values)

    async def noted_run_many(self: Any, sql: str, rows: Any) -> None:
        given = list(rows)
        if given:
            found.append((sql, len(given)))
        await run_many(self, sql, given)

    monkeypatch.setattr(kind, "fetch", noted_fetch)
    monkeypatch.setattr(kind, "run_many", noted_run_many)
    return found


async def test_a_tick_is_a_few_statements_in_transactions_of_a_few_hundred_rows(
    pipeline: Pipeline, environments: list[str], sent: list[tuple[str, int]], storage: Storage
) -> None:
    await tick(pipeline, 0)  # makes the series
    sent.clear()
    await tick(pipeline, 1)

    chunks = math.ceil(SAMPLES / AT_ONCE)
    written = [(sql, rows) for sql, rows in sent if sql.startswith("INSERT INTO metric_raw")]
    assert [rows for _, rows in written] == [AT_ONCE] * (chunks - 1) + [SAMPLES % AT_ONCE]
    # Beside them: one read of reports, four counts, and in each chunk a look for series and at
    # what was made without it, and, on Postgres, the lock.
    assert len(sent) - chunks <= 1 + 4 + 3 * chunks
    async with storage.transaction(read_only=True) as tx:
        for type_, value in (("running_sandboxes", 2000.0), ("environments", ENVIRONMENTS)):
            end = START + 2 * INTERVAL
            points = await chart(
                tx, type_=type_, environment_id=None, start=START + INTERVAL, end=end, step=INTERVAL
            )
            assert points == [(START + INTERVAL, value)]


def spent_by_processes() -> Callable[[], float]:
    """Seconds of processor time from now on, of this process and of the database's server."""
    pids = {psutil.Process().pid}

    def total() -> float:
        server = PostgresDatabase.cluster.server.pids if PostgresDatabase.cluster else []
        used = 0.0
        for pid in {*pids, *server}:
            times = psutil.Process(pid).cpu_times()
            used += times.user + times.system
        return used

    before = total()
    return lambda: total() - before


async def test_a_tick_costs_less_than_a_second_of_processor_time(
    pipeline: Pipeline, environments: list[str]
) -> None:
    await tick(pipeline, 0)
    costs = []
    for number in range(1, 1 + scaled(3)):
        spent, began = spent_by_processes(), time.perf_counter()
        await tick(pipeline, number)
        costs.append((spent(), time.perf_counter() - began))

    print(f"a tick of {SAMPLES} samples (processor, wall):", sorted(costs)[len(costs) // 2])
    assert sorted(cost for cost, _ in costs)[len(costs) // 2] < 1.0


async def test_a_minute_of_roll_up_costs_less_than_a_second_of_processor_time(
    pipeline: Pipeline, environments: list[str], storage: Storage, services: HostServices
) -> None:
    for number in range(6):
        await tick(pipeline, number)
    job = RollUpMetrics(MetricsSettings(collection_interval=INTERVAL), services.clock)
    services.clock.move(120)  # type: ignore[attr-defined]
    await job.run(Run(storage, services.clock.now()))
    services.clock.move(60)  # type: ignore[attr-defined]
    spent, began = spent_by_processes(), time.perf_counter()
    await job.run(Run(storage, services.clock.now()))

    cost = spent()
    print(
        f"a minute of {SAMPLES} series rolled up (processor, wall):",
        cost,
        time.perf_counter() - began,
    )
    async with storage.transaction(read_only=True) as tx:
        assert (await tx.metrics.rolled_up())[Level.MINUTE] == START + timedelta(minutes=2)
    assert cost < 1.0


async def test_a_tick_does_not_keep_the_loop_to_itself(
    pipeline: Pipeline, environments: list[str]
) -> None:
    await tick(pipeline, 0)
    stalls: list[float] = []

    async def beat() -> None:
        while True:
            cpu = time.thread_time()
            await asyncio.sleep(0)
            stalls.append(time.thread_time() - cpu)

    with passed_over():
        beating = asyncio.create_task(beat())
        for number in range(1, 1 + scaled(3)):
            await tick(pipeline, number)
        beating.cancel()

    print(
        f"the longest stretches of a tick: {[round(s * 1000, 1) for s in sorted(stalls)[-12:]]} ms"
    )
    assert max(stalls) < 0.05
