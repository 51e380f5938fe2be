"""Charts of thousands of points: the same texts as of few, and nobody waits for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from agentbox.core.charts.plan import MOST, Plan
from agentbox.core.charts.series import Series
from agentbox.model.metrics import Aggregate, Level, MetricType, Point, SeriesQuery
from agentbox.plugin.sql.metrics import SqlMetricStore
from agentbox.plugin.turns import AT_ONCE
from agentbox.web.handlers.shapes.metrics import SeriesOut, csv_of, series_out
from tests.web.charts import START, TICK, as_csv, as_json, points

T = TypeVar("T")

MANY = 2 * AT_ONCE + 1
WHO = "of-somebody"


def series(given: Sequence[Point], environment_id: str | None = WHO) -> Series:
    end = START + len(given) * TICK
    return Series(
        type=MetricType(name="cpu_usage", unit="millicores", description=""),
        environment_id=environment_id,
        plan=Plan(start=START, end=end, until=end, step=TICK, level=Level.RAW),
        aggregate=Aggregate.AVG,
        points=given,
    )


async def with_turns(work: Awaitable[T]) -> tuple[T, int]:
    """What the work gives, and how many turns somebody else on the loop had until it did."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)
    before = turns
    try:
        return await work, turns - before
    finally:
        waiting.cancel()


class Rows:
    """A connection that has its rows at once."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    async def fetch(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        return self._rows

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    async def lock(self, name: str) -> None: ...

    def instant(self, value: Any) -> datetime:
        raise AssertionError("times of samples are whole seconds")


async def read(number: int) -> tuple[Sequence[Point], int]:
    rows = [(int(at.timestamp()), value) for at, value in points(number)]
    query = SeriesQuery(
        type="cpu_usage",
        environment_id=WHO,
        start=START,
        end=START + number * TICK,
        step=TICK,
        level=Level.RAW,
        aggregate=Aggregate.AVG,
    )
    return await with_turns(SqlMetricStore(Rows(rows)).points(query))


async def test_while_many_points_are_read_others_have_their_turns() -> None:
    found, turns = await read(MANY)

    assert found == points(MANY)
    assert turns == 3
    assert (await read(MOST))[1] == MOST // AT_ONCE


async def test_while_many_points_are_put_into_shape_others_have_their_turns() -> None:
    shaped, turns = await with_turns(series_out(series(points(MANY))))

    assert [(point.timestamp, point.value) for point in shaped.metrics] == points(MANY)
    assert turns == 3


async def test_of_few_points_nobody_notices_anything() -> None:
    assert (await read(AT_ONCE))[1] == 0
    assert (await with_turns(series_out(series(points(AT_ONCE)))))[1] == 0


async def test_no_piece_of_csv_has_more_lines_than_are_made_at_once() -> None:
    pieces = list(csv_of(await series_out(series(points(MANY)))))

    assert [piece.count(b"\r\n") for piece in pieces] == [1, AT_ONCE, AT_ONCE, 1]


async def test_csv_has_times_as_text_and_values_as_python_writes_them() -> None:
    for environment_id in (WHO, None):
        for number in (0, 1, AT_ONCE, AT_ONCE + 1, MANY):
            shaped = await series_out(series(points(number), environment_id))
            written = b"".join(csv_of(shaped)).decode()
            assert written == as_csv(points(number), environment_id)


async def test_a_storage_may_know_parts_of_seconds() -> None:
    at = START + timedelta(seconds=7, microseconds=50)

    written = b"".join(csv_of(await series_out(series([Point(at, 1.0)])))).decode()

    assert written.splitlines()[1] == f"2026-11-20T00:00:07.000050Z,cpu_usage,{WHO},1.0"


async def test_json_has_every_point_with_an_id() -> None:
    shaped = await series_out(series(points(MANY)))

    written = msgspec.json.decode(msgspec.json.encode(shaped))

    assert written["metrics"] == as_json(points(MANY), WHO)
    assert msgspec.json.decode(msgspec.json.encode(shaped), type=SeriesOut) == shaped
