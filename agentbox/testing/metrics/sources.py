"""The suite for sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from agentbox.core.metrics.judging import judge
from agentbox.core.metrics.measuring import Measuring
from agentbox.errors import PluginError
from agentbox.model.metrics import MetricType, Sample
from agentbox.plugin import MetricSource
from agentbox.testing.metrics.offered import (
    LONGEST_TURN,
    OfferedSource,
    ends_when_cancelled,
    in_time,
    longest_turn,
)
from agentbox.testing.metrics.suite import MetricSuite

TICKS = 3


class MetricSourceSuite(MetricSuite):
    """Every promise of a source.

    ```python
    class TestMySource(MetricSourceSuite):
        @pytest.fixture
        def offered(self):
            return OfferedSource(plugin="acme", type=ACME_SOURCE)
    ```

    With `services` make something there to measure: what measures nothing can't be judged.
    """

    @pytest.fixture
    def offered(self) -> OfferedSource:
        """Override this one."""
        raise NotImplementedError("a subclass of MetricSourceSuite overrides the fixture `offered`")

    @pytest_asyncio.fixture
    async def source(self, offered: OfferedSource) -> AsyncIterator[MetricSource]:
        """Open."""
        async with _open(offered) as source:
            yield source

    async def test_a_server_takes_its_types(self, offered: OfferedSource) -> None:
        try:
            async with _open(offered) as source:
                Measuring().take_source(offered.plugin, offered.type.name, source)
        except PluginError as error:
            raise AssertionError(f"the start would stop: {error}") from None

    async def test_its_types_stay_what_they_are(self, offered: OfferedSource) -> None:
        said: list[Sequence[MetricType]] = []
        for _ in range(2):
            async with _open(offered) as source:
                said.append([*source.types])
                await _collect(source)
                said.append([*source.types])
        assert all(types == said[0] for types in said), "its types change"

    async def test_it_measures_what_it_declared(
        self, offered: OfferedSource, source: MetricSource
    ) -> None:
        types = {kind.name: kind for kind in source.types}
        for _ in range(TICKS):
            judged = judge(await _collect(source), types)
            assert judged.refused == 0, f"{judged.refused} samples are refused: {judged.fault}"

    async def test_it_gives_a_sequence(self, source: MetricSource) -> None:
        given = await in_time(source.collect(datetime.now(UTC)), "collect")
        assert isinstance(given, Sequence), f"{type(given).__name__} is no sequence of samples"

    async def test_it_measures_something(self, source: MetricSource) -> None:
        given = [sample for _ in range(TICKS) for sample in await _collect(source)]
        assert given, f"nothing was measured in {TICKS} ticks"

    async def test_it_measures_the_same_tick_again(self, source: MetricSource) -> None:
        now = datetime.now(UTC)
        for _ in range(TICKS):
            await in_time(source.collect(now), "collect")

    async def test_it_leaves_the_loop_to_others(self, source: MetricSource) -> None:
        turn = await longest_turn(lambda: source.collect(datetime.now(UTC)), "collect")
        assert turn < LONGEST_TURN, f"collect held the loop for {turn:.2f} s; use a thread"

    async def test_it_ends_when_it_is_cancelled(self, source: MetricSource) -> None:
        ended = await ends_when_cancelled(lambda: source.collect(datetime.now(UTC)))
        assert ended, "collect goes on although it was cancelled"
        await _collect(source)

    async def test_it_is_opened_by_several_processes(self, offered: OfferedSource) -> None:
        async with _open(offered) as first, _open(offered) as second:
            await asyncio.gather(_collect(first), _collect(second))


@asynccontextmanager
async def _open(offered: OfferedSource) -> AsyncIterator[MetricSource]:
    async with offered.type.open(offered.services()) as opened:
        assert isinstance(opened, MetricSource), f"{type(opened).__name__} is no MetricSource"
        yield opened


async def _collect(source: MetricSource) -> Sequence[Sample]:
    return [*await in_time(source.collect(datetime.now(UTC)), "collect")]
