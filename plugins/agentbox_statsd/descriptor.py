"""What the sink is called and how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agentbox.plugin import MetricSinkType, Services
from agentbox_statsd.options import StatsdOptions


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[object]:
    from agentbox_statsd.sink import StatsdSink

    yield StatsdSink(services.options)


STATSD_SINK: Final = MetricSinkType(
    name="statsd",
    open=_open,
    options=StatsdOptions,
    description="Datagrams to a StatsD or DogStatsD server.",
)
