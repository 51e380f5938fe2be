"""The sink and its options."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from msgspec import Meta

from agentbox.plugin import MetricSinkType, Options, Services


class PrometheusOptions(Options, frozen=True):
    """`[plugins.prometheus]`."""

    per_environment: Annotated[
        bool,
        Meta(
            description="Show the samples of each environment too, up to four series each, which "
            "grow with the number of environments and stay in Prometheus when they are gone."
        ),
    ] = False


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[object]:
    from agentbox_prometheus.samples import Samples
    from agentbox_prometheus.sink import Prometheus

    samples = Samples(per_environment=services.options.per_environment)
    services.readings.offer(samples.families)
    yield Prometheus(services.readings, samples)


PROMETHEUS: Final = MetricSinkType(
    name="prometheus",
    open=_open,
    options=PrometheusOptions,
    description="GET /metrics, in the text formats of Prometheus and OpenMetrics.",
)
