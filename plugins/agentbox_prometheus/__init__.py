"""What is measured, on a page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentbox.plugin import hookimpl

if TYPE_CHECKING:
    from agentbox.plugin import MetricSinkType

AGENTBOX_API = 1


@hookimpl
def agentbox_metric_sink_types() -> Sequence[MetricSinkType]:
    """The page `GET /metrics`, and the samples that it shows beside what agentbox counts itself."""
    from agentbox_prometheus.descriptor import PROMETHEUS

    return [PROMETHEUS]
