"""Races of those who measure and report."""

from __future__ import annotations

import asyncio

import pytest

from agentbox.model.metrics import Aggregate, Level, Sample
from agentbox.plugin.storage import Storage, Transaction
from agentbox.testing.samples import HOUR, NOON, TICK, a_report
from agentbox.testing.storage.charts import (
    CPU,
    START,
    add_environment,
    chart,
    purge,
    put_values,
    series,
)
from agentbox.testing.storage.harness import in_transaction
from agentbox.testing.storage.races.race import RACERS, TwoInstances, race


class MetricRaceTests(TwoInstances):
    """Metrics."""

    async def test_samples_of_one_tick_added_at_once_are_all_there(
        self, both: list[Storage]
    ) -> None:
        """Also those with which a series begins, and whatever order they come in."""
        types = [f"type-{number:02}" for number in range(50)]

        async def add(tx: Transaction, number: int) -> None:
            there = types if number % 4 < 2 else list(reversed(types))
            await tx.metrics.add(START, [Sample(type_, float(number)) for type_ in there])

        assert await race(both, add) == [None] * RACERS

        async with both[1].transaction() as tx:
            assert len(await series(tx)) == len(types)
            for type_ in (types[0], types[-1]):
                for aggregate, value in (
                    (Aggregate.SUM, sum(range(RACERS))),
                    (Aggregate.AVG, (RACERS - 1) / 2),
                    (Aggregate.MAX, RACERS - 1),
                ):
                    points = await chart(tx, aggregate, type_=type_, environment_id=None)
                    assert points == [(START, value)]

    async def test_a_tick_that_many_put_is_there_once(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await add_environment(tx)

        async def put(tx: Transaction, number: int) -> None:
            await tx.metrics.put(START, [Sample(CPU, 2.0, "environment-1"), Sample(CPU, 2.0)])

        assert await race(both, put) == [None] * RACERS

        async with both[1].transaction() as tx:
            assert len(await series(tx)) == 2
            for id_ in ("environment-1", None):
                assert await chart(tx, Aggregate.SUM, environment_id=id_) == [(START, 2.0)]

    @pytest.mark.parametrize("first", ["put", "purge"])
    async def test_no_series_is_deleted_under_samples_that_are_put(
        self, both: list[Storage], first: str
    ) -> None:
        async with both[0].transaction() as tx:
            await put_values(tx, 1.0, environment_id=None)

        async def step(tx: Transaction, name: str) -> None:
            if name == "put":
                await put_values(tx, 2.0, start=START + HOUR, environment_id=None)
            else:
                await purge(tx, Level.RAW, START + HOUR)

        second = "purge" if first == "put" else "put"
        async with both[0].transaction() as tx:
            await step(tx, first)
            other = asyncio.create_task(in_transaction(both[1], lambda tx: step(tx, second)))
            await asyncio.wait({other}, timeout=0.1)
        await other

        async with both[1].transaction() as tx:
            assert await chart(tx, environment_id=None) == [(START + HOUR, 2.0)]
            assert len(await series(tx)) == 1

    async def test_of_reports_at_once_none_is_lost(self, both: list[Storage]) -> None:
        async with both[0].transaction() as tx:
            await add_environment(tx)

        async def report(tx: Transaction, number: int) -> bool:
            report = a_report(
                reported_at=NOON - number * TICK,
                cpu_millicores=None,
                memory_bytes=None if number % 2 else number,
                sandboxes=number if number % 2 else None,
            )
            return await tx.reports.put(report)

        assert await race(both, report) == [True] * RACERS

        async with both[1].transaction(read_only=True) as tx:
            found = (await tx.reports.get(["environment-1"]))["environment-1"]
        assert found.reported_at == NOON
        assert found.cpu_millicores is None
        assert found.sandboxes in range(1, RACERS, 2)
        assert found.memory_bytes in range(0, RACERS, 2)
