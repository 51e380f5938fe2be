"""The page, and the sink behind a part of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from agentbox.model.metrics import Batch, MetricType
from agentbox.plugin import MetricSink, MetricsPage, Page, Readings
from agentbox_prometheus.exposition import written
from agentbox_prometheus.samples import Samples


class Prometheus(MetricSink, MetricsPage):
    """What all processes of this server count, and what was collected last."""

    def __init__(self, readings: Readings, samples: Samples) -> None:
        self._readings = readings
        self._samples = samples

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Keep it for the page."""
        self._samples.take(batch, types)

    async def page(self, accept: str) -> Page:
        """Written in a thread: thousands of series take a while."""
        families = await self._readings.of_server()
        return await asyncio.to_thread(written, families, accept)
