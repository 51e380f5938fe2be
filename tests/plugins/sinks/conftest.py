"""Batches, and servers that take them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from agentbox.model.metrics import Batch, MetricKind, MetricType, Sample
from tests.plugins.sinks.receiving import (
    OtlpReceiver,
    StatsdListener,
    otlp_receiver,
    statsd_listener,
)
from tests.plugins.stand_in import START

NO_STORAGE = SimpleNamespace(on_change=lambda listener: None)
"""These sinks have no use for one."""

ENVIRONMENT = "Ab1Ab1Ab1Ab1Ab1Ab1Ab"

LOAD = MetricType(name="load", unit="percent", description="A gauge.")
HITS = MetricType(name="hits", unit="count", description="A count.", kind=MetricKind.COUNTER)
SIZE = MetricType(name="size", unit="MiB", description="Of each.", per_environment=True)
TYPES = {kind.name: kind for kind in (LOAD, HITS, SIZE)}

BATCH = Batch(
    at=START,
    samples=(
        Sample("load", 12.5),
        Sample("hits", 3),
        Sample("size", 640.0),
        Sample("size", 128.25, ENVIRONMENT),
    ),
)


def large(environments: int) -> Batch:
    """A sample of each of so many environments."""
    samples = [Sample("size", float(n), f"e{n:019d}") for n in range(environments)]
    return Batch(at=START, samples=tuple(samples))


@pytest.fixture
async def listener() -> AsyncIterator[StatsdListener]:
    async with statsd_listener() as listening:
        yield listening


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver() as listening:
        yield listening
