"""Requests while a thousand environments are measured, again and again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from agentbox.core.metrics.ticks import floor
from agentbox.model.environments import Environment, EnvironmentReport, EnvironmentStatus
from agentbox.model.ids import new_id
from tests.e2e.metrics.asking import ask, unchanged
from tests.e2e.people import People
from tests.live import Live
from tests.scale import scaled

ENVIRONMENTS = 1000
STEP = timedelta(seconds=30)


async def fill(live: Live, people: People) -> None:
    """So many environments that run, and have reported."""
    now = live.runtime.clock.now()
    me = (await people.user.caller.get("/auth/me")).body["id"]
    async with live.runtime.storage.transaction() as tx:
        for number in range(ENVIRONMENTS):
            environment = Environment(
                id=new_id(),
                user_id=me,
                name=f"e{number}",
                status=EnvironmentStatus.RUNNING,
                created_at=now,
                started_at=now,
            )
            await tx.environments.add(environment)
            report = EnvironmentReport(
                environment_id=environment.id,
                reported_at=now,
                cpu_millicores=float(number),
                memory_bytes=number << 20,
                sandboxes=1,
            )
            await tx.reports.put(report)


async def test_ticks_of_a_thousand_environments_slow_no_request(live: Live, people: People) -> None:
    await fill(live, people)
    caller = people.user.caller
    await ask(caller, 50)
    quiet = await ask(caller, scaled(200))
    pipeline, at = live.runtime.pipeline, floor(live.runtime.clock.now(), STEP)

    async def tick() -> None:
        for number in range(1, scaled(4) + 1):
            await pipeline.collect(at + number * STEP)
            async with asyncio.timeout(60):
                await asyncio.gather(*(each.drained() for each in pipeline._outlets))

    ticking = asyncio.create_task(tick())
    busy: list[float] = []
    while not ticking.done():
        busy += await ask(caller, 5)
    await ticking

    assert live.runtime.counters.value("sinks.database.failed") == 0
    assert live.runtime.counters.value("sinks.database.delivered") >= scaled(4)
    assert unchanged(busy, quiet)
