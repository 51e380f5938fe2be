"""The sink that keeps samples."""

from __future__ import annotations

from datetime import timedelta

from agentbox.model.metrics import Aggregate, Batch, Level, Sample, SeriesQuery
from agentbox.plugin import Storage
from agentbox_metrics.database import AT_ONCE, Database
from tests.plugins.stand_in import START, CountedStorage

MINUTE = timedelta(minutes=1)


async def kept(storage: Storage, type_: str, aggregate: Aggregate = Aggregate.SUM) -> list[float]:
    query = SeriesQuery(
        type=type_,
        environment_id=None,
        start=START,
        end=START + MINUTE,
        step=MINUTE,
        level=Level.RAW,
        aggregate=aggregate,
    )
    async with storage.transaction(read_only=True) as tx:
        return [point.value for point in await tx.metrics.points(query)]


async def test_a_batch_of_everybody_is_there_once_however_often_it_comes(storage: Storage) -> None:
    sink = Database(storage)
    for value in (3.0, 4.0):
        await sink.deliver(Batch(at=START, samples=(Sample("users", value),)), {})

    assert await kept(storage, "users") == [3.0]


async def test_batches_of_processes_add_up(storage: Storage) -> None:
    sink = Database(storage)
    for value in (3.0, 4.0):
        batch = Batch(at=START, samples=(Sample("logins", value),), of_process=True)
        await sink.deliver(batch, {})

    assert await kept(storage, "logins") == [7.0]
    assert await kept(storage, "logins", Aggregate.AVG) == [3.5]


async def test_a_large_batch_is_written_a_part_at_a_time(storage: Storage) -> None:
    counted = CountedStorage(storage)
    samples = tuple(Sample(f"type_{number}", 1.0) for number in range(2 * AT_ONCE + 1))

    await Database(counted).deliver(Batch(at=START, samples=samples), {})  # type: ignore[arg-type]

    assert counted.transactions == 3
    assert await kept(storage, f"type_{2 * AT_ONCE}") == [1.0]
