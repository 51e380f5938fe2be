"""What the sink is called and how it is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agentbox.errors import StartError
from agentbox.plugin import MetricSinkType, Services
from agentbox_otlp.options import OtlpOptions


@asynccontextmanager
async def _open(services: Services) -> AsyncIterator[object]:
    from agentbox_otlp.resources import Resources
    from agentbox_otlp.sink import OtlpSink
    from agentbox_otlp.writing import Writer

    options: OtlpOptions = services.options
    try:
        client = services.outgoing.to([options.origin])
    except ValueError as error:
        raise StartError(f"plugins.otlp.endpoint: {error}.") from None
    writer = Writer(options, Resources.of(options.resource), services.clock.now())
    yield OtlpSink(services, client, writer)


OTLP_SINK: Final = MetricSinkType(
    name="otlp",
    open=_open,
    options=OtlpOptions,
    description="An OpenTelemetry collector, by OTLP over HTTP.",
)
