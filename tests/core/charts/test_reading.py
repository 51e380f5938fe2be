"""What charts and figures read of series whose finer values are deleted, on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agentbox.config.sections import MetricsSettings
from agentbox.core.charts.figures import Stats
from agentbox.core.charts.plan import Asked
from agentbox.core.charts.series import Charts
from agentbox.core.metrics.keeping import PurgeMetrics, RollUpMetrics
from agentbox.model.metrics import Aggregate, MetricKind, MetricType, Sample
from agentbox.model.principal import Operator
from agentbox.plugin.storage import Storage
from tests.core.metrics.kept import HOUR, MINUTE, SECOND, ticks
from tests.core.metrics.parts import Run
from tests.core.world import SCOPES, START, ManualClock

LOGINS = MetricType(name="logins", unit="count", description="", kind=MetricKind.COUNTER)
BRIEF = MetricsSettings(raw_retention=HOUR, minute_retention=2 * HOUR, retention_days=1)


@pytest.fixture
async def clock(storage: Storage) -> ManualClock:
    """Each tick of thirty hours has counted a sign-in; what is old is deleted."""
    clock = ManualClock()
    clock.instant = START + 2 * MINUTE + 17 * SECOND
    async with storage.transaction() as tx:
        for at in ticks(START - 30 * HOUR, clock.instant):
            await tx.metrics.put(at, [Sample("logins", 1.0)])
    longer = MetricsSettings(raw_retention=timedelta(days=2), minute_retention=timedelta(days=2))
    await RollUpMetrics(longer, clock).run(Run(storage, clock.now()))
    for _ in range(10):  # a few rows at a time
        await PurgeMetrics(BRIEF, clock).run(Run(storage, clock.now()))
    return clock


async def test_no_point_is_made_of_what_is_left_of_its_step(
    storage: Storage, clock: ManualClock
) -> None:
    charts = Charts(
        storage=storage, clock=clock, scopes=SCOPES, settings=BRIEF, types={"logins": LOGINS}
    )
    asked = Asked(start=clock.now() - 2 * HOUR, step="11m", aggregate=Aggregate.SUM)

    series = await charts.series(Operator(), "logins", None, asked)

    *whole, _ = series.points
    assert {value for _, value in whole} == {22.0}
    assert series.plan.start < whole[0].at <= clock.now() - 2 * HOUR + 11 * MINUTE


async def test_sign_ins_of_a_day_are_counted_however_soon_minutes_are_deleted(
    storage: Storage, clock: ManualClock
) -> None:
    stats = Stats(
        storage=storage, clock=clock, scopes=SCOPES, settings=BRIEF, stale_after=2 * MINUTE
    )

    of_all = (await stats.figures(Operator())).of_all

    assert of_all is not None
    assert of_all.logins is not None
    assert 23 * HOUR <= of_all.logins * 30 * SECOND <= 25 * HOUR
