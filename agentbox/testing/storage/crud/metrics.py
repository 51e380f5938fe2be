"""Series of samples: put, combined, rolled up, charted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.model.metrics import Aggregate, Level, Sample
from agentbox.plugin.storage import Storage
from agentbox.testing.samples import HOUR
from agentbox.testing.storage.charts import (
    CPU,
    ENVIRONMENT,
    MINUTE,
    SECOND,
    START,
    USERS,
    add_environment,
    chart,
    note_made,
    purge,
    put_values,
    roll_up,
    series,
)
from agentbox.testing.storage.harness import StorageTests

DAY = timedelta(days=1)

AS_COMBINED = {
    Aggregate.AVG: 2.5,
    Aggregate.MIN: -1.0,
    Aggregate.MAX: 8.0,
    Aggregate.SUM: 10.0,
    Aggregate.LAST: 3.0,
}
"""What becomes of 0, 8, -1, 3."""


class MetricTests(StorageTests):
    """Samples and charts."""

    async def test_a_sample_is_a_point_of_its_own_series(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await add_environment(tx, "environment-2")
            await put_values(tx, 1.0, 2.0)
            await put_values(tx, 3.0, environment_id="environment-2")
            await put_values(tx, 4.0, environment_id=None)
            await tx.metrics.put(START, [Sample(USERS, 5.0)])

            assert await chart(tx) == [(START, 1.0), (START + 30 * SECOND, 2.0)]
            assert await chart(tx, environment_id="environment-2") == [(START, 3.0)]
            assert await chart(tx, environment_id=None) == [(START, 4.0)]
            assert await chart(tx, environment_id=None, type_=USERS) == [(START, 5.0)]
            assert await chart(tx, type_=USERS) == []

    @pytest.mark.parametrize("value", [0.1, -1.5, 123_456_789.123_456_7, 1e-200, 1e200, 7, 2**63])
    async def test_a_value_comes_back_exactly(self, storage: Storage, value: float) -> None:
        async with storage.transaction() as tx:
            await put_values(tx, value, environment_id=None)

            for aggregate in Aggregate:
                assert await chart(tx, aggregate, environment_id=None) == [(START, value)]

    async def test_a_tick_that_is_put_twice_is_there_once(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await put_values(tx, 1.0)
            await put_values(tx, 5.0, 2.0)

            for aggregate in Aggregate:
                points = [(START, 1.0), (START + 30 * SECOND, 2.0)]
                assert await chart(tx, aggregate) == points

    async def test_what_is_added_to_a_tick_is_combined(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            for value in (0.0, 8.0, -1.0, 3.0):
                await tx.metrics.add(START, [Sample(CPU, value)])
            for value in (4.0, 4.0):
                await tx.metrics.add(START + MINUTE, [Sample(CPU, value)])

            for aggregate, value in AS_COMBINED.items():
                later = 8.0 if aggregate is Aggregate.SUM else 4.0
                points = await chart(tx, aggregate, environment_id=None)
                assert points == [(START, value), (START + MINUTE, later)]

    async def test_a_step_combines_its_samples(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await put_values(tx, 0.0, 8.0, -1.0, 3.0, 7.0, every=MINUTE)

            for aggregate, value in AS_COMBINED.items():
                points = await chart(tx, aggregate, step=4 * MINUTE)
                assert points == [(START, value), (START + 4 * MINUTE, 7.0)]

    async def test_a_chart_has_whole_steps_that_begin_in_its_span(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await put_values(tx, *map(float, range(12)), every=MINUTE)
            await put_values(tx, 90.0, start=START + HOUR)

            for start, end, expected in (
                (0, 12, {0: 1.0, 3: 4.0, 6: 7.0, 9: 10.0}),
                (0, 9, {0: 1.0, 3: 4.0, 6: 7.0}),
                (1, 8, {3: 4.0, 6: 7.0}),
                (3, 4, {3: 4.0}),
                (4, 5, {}),
                (7, 90, {9: 10.0, 60: 90.0}),
            ):
                points = await chart(
                    tx,
                    step=3 * MINUTE,
                    start=START + start * MINUTE,
                    end=START + end * MINUTE,
                )
                assert points == [(START + at * MINUTE, value) for at, value in expected.items()]

    async def test_a_chart_ends_within_a_second_as_within_any_step(self, storage: Storage) -> None:
        """A step that begins in the span is there, whole, though its end is a fraction later."""
        fraction = timedelta(microseconds=1)
        async with storage.transaction() as tx:
            await put_values(tx, 1.0, 2.0, environment_id=None)

            for start, end, expected in (
                (START, START + 30 * SECOND, [1.0]),
                (START, START + 30 * SECOND + fraction, [1.0, 2.0]),
                (START, START + fraction, [1.0]),
                (START + fraction, START + MINUTE, [2.0]),
            ):
                points = await chart(tx, start=start, end=end, environment_id=None)
                assert [value for _, value in points] == expected

    async def test_a_level_is_made_of_the_finer_one(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await put_values(tx, 4.0, 6.0, 0.0, 12.0, start=START + HOUR)
            await put_values(tx, -2.0, start=START + HOUR + 9 * MINUTE)
            await put_values(tx, 5.0, 5.0, start=START + 3 * HOUR)
            before = {aggregate: await chart(tx, aggregate, step=HOUR) for aggregate in Aggregate}

            for level, step in ((Level.MINUTE, MINUTE), (Level.HOUR, HOUR), (Level.DAY, DAY)):
                assert await chart(tx, level=level, step=DAY) == [(START, 30 / 7)]
                await roll_up(tx, level)
                for aggregate, points in before.items():
                    if step <= HOUR:
                        assert await chart(tx, aggregate, level=level, step=HOUR) == points
            assert await chart(tx, Aggregate.MIN, level=Level.DAY, step=DAY) == [(START, -2.0)]
            assert await chart(tx, Aggregate.LAST, level=Level.DAY, step=DAY) == [(START, 5.0)]
            assert await chart(tx, Aggregate.SUM, level=Level.DAY, step=DAY) == [(START, 30.0)]

    async def test_a_level_is_made_anew_in_its_span_alone(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await put_values(tx, 1.0, 2.0, 3.0, every=MINUTE, environment_id=None)
            await roll_up(tx, Level.MINUTE)
            for number in range(3):
                await tx.metrics.add(START + number * MINUTE, [Sample(CPU, 7.0)])

            last = await tx.metrics.roll_up(
                Level.MINUTE, START + MINUTE, START + 2 * MINUTE, after=0, limit=9
            )
            assert last is not None
            await note_made(tx, Level.MINUTE, START + HOUR)

            points = await chart(tx, level=Level.MINUTE, step=MINUTE, environment_id=None)
            assert [value for _, value in points] == [1.0, 4.5, 3.0]

    async def test_a_row_is_not_made_anew_of_fewer_samples(self, storage: Storage) -> None:
        """Its finer rows may be deleted but for one, which came late."""
        async with storage.transaction() as tx:
            await put_values(tx, 1.0, 2.0, 6.0, environment_id=None)
            await roll_up(tx, Level.MINUTE)
            await purge(tx, Level.RAW, START + HOUR)
            await put_values(tx, 9.0, start=START + 10 * SECOND, environment_id=None)
            await put_values(tx, 4.0, start=START + 70 * SECOND, environment_id=None)
            await roll_up(tx, Level.MINUTE)

            for aggregate, first in ((Aggregate.SUM, 3.0), (Aggregate.LAST, 2.0)):
                points = await chart(
                    tx, aggregate, level=Level.MINUTE, step=MINUTE, environment_id=None
                )
                assert points == [(START, first), (START + MINUTE, 4.0)]

    async def test_a_level_is_made_a_few_series_at_a_time(self, storage: Storage) -> None:
        types = [f"type-{number}" for number in range(5)]
        async with storage.transaction() as tx:
            await tx.metrics.put(START, [Sample(type_, 1.0) for type_ in types])
            numbers = await series(tx)
            assert len(numbers) == 5
            assert sorted(numbers) == numbers

            span = (Level.MINUTE, START, START + HOUR)
            assert await tx.metrics.roll_up(*span, after=0, limit=2) == numbers[1]
            assert await tx.metrics.roll_up(*span, after=numbers[1], limit=2) == numbers[3]
            await note_made(tx, Level.MINUTE, START + HOUR)
            made = [
                type_
                for type_ in types
                if await chart(
                    tx, level=Level.MINUTE, step=MINUTE, type_=type_, environment_id=None
                )
            ]
            assert len(made) == 4

            assert await tx.metrics.roll_up(*span, after=numbers[3], limit=2) == numbers[4]
            assert await tx.metrics.roll_up(*span, after=numbers[4], limit=2) is None

    async def test_a_chart_reads_finer_levels_from_where_its_own_ends(
        self, storage: Storage
    ) -> None:
        """Every value is counted once, although finer rows of what is made are still there."""
        async with storage.transaction() as tx:
            await put_values(tx, *[1.0] * 360, every=MINUTE, environment_id=None)
            made = {Level.MINUTE: START + 5 * HOUR, Level.HOUR: START + 2 * HOUR}
            for level, until in made.items():
                await roll_up(tx, level, until=until, note=False)
            # Not where a chart looks, if it goes by how far levels are made.
            await tx.metrics.add(START + HOUR, [Sample(CPU, 9.0)])
            await tx.metrics.add(START + 4 * HOUR, [Sample(CPU, 9.0)])
            for level, until in made.items():
                await note_made(tx, level, until)

            for level, sixth in ((Level.DAY, 60.0), (Level.HOUR, 60.0), (Level.MINUTE, 60.0)):
                points = await chart(tx, Aggregate.SUM, level=level, step=HOUR, environment_id=None)
                assert points == [(START + n * HOUR, sixth) for n in range(6)]
            points = await chart(tx, Aggregate.SUM, step=HOUR, environment_id=None)
            assert [value for _, value in points] == [60.0, 69.0, 60.0, 60.0, 69.0, 60.0]

    async def test_the_oldest_row_is_of_any_series_and_of_its_level_alone(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            assert await tx.metrics.oldest(Level.RAW, START) is None

            await put_values(tx, 1.0, start=START + 2 * HOUR, environment_id=None)
            await tx.metrics.put(START + 90 * SECOND, [Sample(USERS, 1.0)])
            await roll_up(tx, Level.MINUTE)
            for level, since, expected in (
                (Level.RAW, START, START + 90 * SECOND),
                (Level.RAW, START + 90 * SECOND, START + 90 * SECOND),
                (Level.RAW, START + 91 * SECOND, START + 2 * HOUR),
                (Level.RAW, START + 3 * HOUR, None),
                (Level.MINUTE, START, START + MINUTE),
                (Level.MINUTE, START + 90 * SECOND, START + 2 * HOUR),
                (Level.HOUR, START, None),
            ):
                assert await tx.metrics.oldest(level, since) == expected

    async def test_how_far_a_level_is_made_is_moved_by_whoever_knows_how_far_it_was(
        self, storage: Storage
    ) -> None:
        async with storage.transaction() as tx:
            assert await tx.metrics.rolled_up() == {}

            for until, was, noted in (
                (1, 0, False),
                (1, None, True),
                (3, None, False),
                (3, 2, False),
                (3, 1, True),
                (4, 1, False),
                (2, 3, True),
            ):
                before = None if was is None else START + was * HOUR
                there = await tx.metrics.note_rolled_up(
                    Level.HOUR, START + until * HOUR, was=before
                )
                assert there == noted
            assert await tx.metrics.note_rolled_up(Level.DAY, START, was=None)
            assert await tx.metrics.rolled_up() == {Level.HOUR: START + 2 * HOUR, Level.DAY: START}

    @pytest.mark.parametrize("way", ["put", "add"])
    async def test_a_sample_that_comes_late_takes_back_what_was_made_without_it(
        self, storage: Storage, way: str
    ) -> None:
        """So a chart shows it at once, and it is rolled up with the others."""
        late = START + HOUR + 5 * MINUTE + 30 * SECOND
        async with storage.transaction() as tx:
            write = tx.metrics.put if way == "put" else tx.metrics.add
            await put_values(tx, *[1.0] * 180, every=MINUTE, environment_id=None)
            ends = {Level.MINUTE: START + 3 * HOUR, Level.HOUR: START + 3 * HOUR, Level.DAY: START}
            for level, until in ends.items():
                await roll_up(tx, level, until=until)
            await write(START + 3 * HOUR, [Sample(CPU, 1.0)])
            await write(late, [])
            assert await tx.metrics.rolled_up() == ends

            await write(late, [Sample(CPU, 1.0)])
            back = ends | {Level.MINUTE: START + HOUR + 5 * MINUTE, Level.HOUR: START + HOUR}
            assert await tx.metrics.rolled_up() == back
            for level in (Level.MINUTE, Level.HOUR):
                points = await chart(tx, Aggregate.SUM, level=level, step=HOUR, environment_id=None)
                assert [value for _, value in points] == [60.0, 61.0, 60.0, 1.0]

    @pytest.mark.parametrize("way", ["put", "add"])
    async def test_a_sample_that_comes_while_a_level_is_made_takes_that_back(
        self, storage: Storage, way: str
    ) -> None:
        """Its row may be there already, without it."""
        end = START + HOUR
        async with storage.transaction() as tx:
            write = tx.metrics.put if way == "put" else tx.metrics.add
            note = tx.metrics.note_rolled_up
            assert await note(Level.MINUTE, START, was=None, making=end)
            await write(START + 5 * MINUTE + 30 * SECOND, [Sample(CPU, 1.0)])
            assert not await note(Level.MINUTE, end, was=START)
            assert await tx.metrics.rolled_up() == {Level.MINUTE: START}

            assert await note(Level.MINUTE, START, was=START, making=end)
            assert await tx.metrics.rolled_up() == {Level.MINUTE: START}
            await write(end, [Sample(CPU, 1.0)])
            assert await note(Level.MINUTE, end, was=START)
            assert await tx.metrics.rolled_up() == {Level.MINUTE: end}
            assert await note(Level.MINUTE, end + HOUR, was=end)

    async def test_samples_of_no_environment_make_no_series(self, storage: Storage) -> None:
        async with storage.transaction() as tx:
            await add_environment(tx)
            await tx.metrics.put(START, [])
            samples = [Sample(CPU, 1.0, "no-such"), Sample(CPU, 2.0, ENVIRONMENT)]
            await tx.metrics.put(START, samples)
            await tx.metrics.add(START + MINUTE, samples)

            assert await chart(tx, environment_id="no-such") == []
            assert await chart(tx) == [(START, 2.0), (START + MINUTE, 2.0)]
            assert len(await series(tx)) == 1

    async def test_many_samples_come_at_once(self, storage: Storage) -> None:
        ids = [f"environment-{number:04}" for number in range(600)]
        async with storage.transaction() as tx:
            for id_ in ids:
                await add_environment(tx, id_)
            for at in (START, START + MINUTE):
                samples = [Sample(type_, 1.0, id_) for id_ in ids for type_ in (CPU, "memory")]
                await tx.metrics.put(at, [*samples, Sample(CPU, 600.0)])

            assert len(await series(tx)) == 1201
            for id_ in (ids[0], ids[-1]):
                points = await chart(tx, type_="memory", environment_id=id_)
                assert points == [(START, 1.0), (START + MINUTE, 1.0)]
