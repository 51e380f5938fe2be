"""Metrics to an OpenTelemetry collector, by OTLP over HTTP: the entry point `otlp`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MetricSinkType

AGENTBOX_API = 1


@hookimpl
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:
    """The one sink, `otlp`."""
    from agentbox_otlp.descriptor import OTLP_SINK

    return [OTLP_SINK]
