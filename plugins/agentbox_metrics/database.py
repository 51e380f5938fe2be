"""The sink that keeps samples where charts find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agentbox.model.metrics import Batch, MetricType
from agentbox.plugin import MetricSink, Storage

AT_ONCE: Final = 500
"""Samples of one transaction, so that no other writer waits long."""


class Database(MetricSink):
    """What is said of everybody is written once; what processes say of themselves adds up."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def deliver(self, batch: Batch, types: Mapping[str, MetricType]) -> None:
        """Raises `StorageError`; what was written before it stays."""
        for start in range(0, len(batch.samples), AT_ONCE):
            some = batch.samples[start : start + AT_ONCE]
            async with self._storage.transaction() as tx:
                if batch.of_process:
                    await tx.metrics.add(batch.at, some)
                else:
                    await tx.metrics.put(batch.at, some)
